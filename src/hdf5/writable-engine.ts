import type { WritableHDF5Engine } from "./engine.js";
import { h5wasm } from "./h5wasm.node.js";

/** The engine that writes whole files, such as Keras models, where none is named. */
export function defaultWritableEngine(): WritableHDF5Engine {
  return h5wasm();
}

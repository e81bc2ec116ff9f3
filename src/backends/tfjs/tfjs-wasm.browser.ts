import type { GradientBackend } from "../gradient-backend.js";
import type { TrainableBackend } from "../trainable-backend.js";
import { createWasmBackend } from "./wasm-backend.js";

/**
 * tfjs on WebAssembly in a browser. Its three `.wasm` files must be served where tfjs looks for them: beside the script,
 * or at the folder that the app gave to `setWasmPaths` of `@tensorflow/tfjs-backend-wasm`. Threads are used on pages
 * that are cross-origin isolated.
 */
export function tfjsWasm(): TrainableBackend & GradientBackend {
  return createWasmBackend({ beforeStart: () => () => undefined });
}

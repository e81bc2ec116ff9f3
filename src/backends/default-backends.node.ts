import type { Backend } from "./backend.js";
import { onnx } from "./onnx/onnx.node.js";
import { tfjsNode, tfjsNodeGpu } from "./tfjs/tfjs-node.node.js";
import { tfjsWasm } from "./tfjs/tfjs-wasm.node.js";
import type { TrainableBackend } from "./trainable-backend.js";

/** What `auto` chooses from on this platform, best first. */
export function defaultBackends(): readonly Backend[] {
  return [onnx(), ...defaultTrainableBackends()];
}

/** What `autoTrainable` chooses from on this platform, best first. */
export function defaultTrainableBackends(): readonly TrainableBackend[] {
  return [tfjsNodeGpu(), tfjsNode(), tfjsWasm()];
}

import type { Backend } from "./backend.js";
import { tfjsWasm } from "./tfjs/tfjs-wasm.browser.js";
import { tfjsWebgpu } from "./tfjs/tfjs-webgpu.browser.js";
import type { TrainableBackend } from "./trainable-backend.js";

/** What `auto` chooses from on this platform, best first. */
export function defaultBackends(): readonly Backend[] {
  return defaultTrainableBackends();
}

/** What `autoTrainable` chooses from on this platform, best first. */
export function defaultTrainableBackends(): readonly TrainableBackend[] {
  return [tfjsWebgpu(), tfjsWasm()];
}

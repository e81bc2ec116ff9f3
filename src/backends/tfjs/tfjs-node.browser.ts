import { UnsupportedError } from "../../errors.js";
import type { GradientBackend } from "../gradient-backend.js";
import type { TrainableBackend } from "../trainable-backend.js";

/** Options of {@link tfjsNode} and {@link tfjsNodeGpu}. */
export interface TfjsNodeOptions {
  /** Where the package is; in Node only. */
  readonly module?: string | undefined;
}

/** @throws UnsupportedError always: native code does not run in a browser. Use tfjsWasm(). */
export function tfjsNode(_options: TfjsNodeOptions = {}): TrainableBackend & GradientBackend {
  throw new UnsupportedError("tfjsNode() runs native code and works in Node only. Use tfjsWasm() in a browser.");
}

/** @throws UnsupportedError always: native code does not run in a browser. Use tfjsWasm(). */
export function tfjsNodeGpu(_options: TfjsNodeOptions = {}): TrainableBackend & GradientBackend {
  throw new UnsupportedError("tfjsNodeGpu() runs native code and works in Node only. Use tfjsWasm() in a browser.");
}

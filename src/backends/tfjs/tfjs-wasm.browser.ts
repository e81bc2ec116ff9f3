import { BackendUnavailableError } from "../../errors.js";
import type { GradientBackend } from "../gradient-backend.js";
import type { TrainableBackend } from "../trainable-backend.js";
import { createWasmBackend, type TfjsWasmOptions } from "./wasm-backend.js";

export type { TfjsWasmOptions } from "./wasm-backend.js";

/**
 * tfjs on WebAssembly in a browser. Its three `.wasm` files must be served where tfjs looks for them: beside the script,
 * or at the folder that the app gave to `setWasmPaths` of `@tensorflow/tfjs-backend-wasm`. Threads are used on pages
 * that are cross-origin isolated.
 *
 * @throws InvalidArgumentError if an option is out of range
 */
export function tfjsWasm(options: TfjsWasmOptions = {}): TrainableBackend & GradientBackend {
  return createWasmBackend(
    {
      // tfjs takes no more than half of what the machine runs at once.
      mostThreads: Math.max(1, Math.floor((globalThis.navigator?.hardwareConcurrency ?? 2) / 2)),
      beforeStart(_, threads = 1) {
        if (threads > 1 && !globalThis.crossOriginIsolated) {
          const reason = "this page is not cross-origin isolated, so that there is no memory that threads could share";
          throw new BackendUnavailableError(
            `Cannot start tfjs-wasm with ${threads} threads: ${reason}. Serve it with the headers "Cross-Origin-Opener-Policy: same-origin" and "Cross-Origin-Embedder-Policy: require-corp", or leave \`threads\` out.`,
            [{ backend: "tfjs-wasm", reason }],
          );
        }
        return () => undefined;
      },
    },
    options,
  );
}

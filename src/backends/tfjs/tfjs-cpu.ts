import { BackendUnavailableError } from "../../errors.js";
import type { GradientBackend } from "../gradient-backend.js";
import type { TrainableBackend } from "../trainable-backend.js";
import { messageOf } from "./shared-tfjs.js";
import { createTfjsBackend } from "./tfjs-backend.js";

/**
 * Plain JavaScript on tfjs's own `cpu` backend. It runs anywhere and is some 600 times slower than native code, so
 * nothing chooses it by itself; name it for tests and tiny networks.
 *
 * Needs the packages `@tensorflow/tfjs-core`, `@tensorflow/tfjs-layers` and `@tensorflow/tfjs-backend-cpu`; `init`
 * rejects with BackendUnavailableError where one is missing.
 */
export function tfjsCpu(): TrainableBackend & GradientBackend {
  return createTfjsBackend({
    name: "tfjs-cpu",
    backend: "cpu",
    async prepare() {
      try {
        await import("@tensorflow/tfjs-backend-cpu");
      } catch (cause) {
        throw new BackendUnavailableError(
          'Cannot load "@tensorflow/tfjs-backend-cpu". Install it: npm install @tensorflow/tfjs-backend-cpu',
          [{ backend: "tfjs-cpu", reason: messageOf(cause) }],
          { cause },
        );
      }
    },
    async started(tf) {
      return `tfjs-core ${tf.version_core}, plain JavaScript`;
    },
  });
}

import type { TfjsRuntime } from "./runtime.js";
import { messageOf } from "./shared-tfjs.js";

/** Sees what goes wrong on a device that computes later than it is told to, and so cannot throw. */
export interface DeviceFailures {
  /** What has been seen since the start. */
  readonly seen: readonly string[];
  /** Runs synchronous work, and notes what of it fails on the device. */
  during<T>(work: () => T): T;
  /** Resolves once it is known how all work so far has gone. */
  settled(): Promise<void>;
}

/** What of WebGPU's `GPUDevice` tells of errors. */
export interface ErrorScopes {
  readonly lost: Promise<{ readonly message: string }>;
  pushErrorScope(filter: "validation" | "out-of-memory" | "internal"): void;
  popErrorScope(): Promise<{ readonly message: string } | null>;
}

const filters = ["validation", "out-of-memory", "internal"] as const;

/**
 * Watches a WebGPU device. Where memory runs out or a shader is refused WebGPU throws nothing: tfjs reads zeros and goes
 * on. Only work of ours is watched, so that an app's own errors stay where it looks for them.
 */
export function watchDevice(device: ErrorScopes): DeviceFailures {
  const seen: string[] = [];
  let pending: Promise<unknown> = Promise.resolve();
  const note = (message: string) => void seen.push(message.split("\n", 1)[0] as string);
  void device.lost.then(({ message }) => note(`it was lost, and comes back with a new page or process. ${message}`));
  return {
    seen,
    during(work) {
      for (const filter of filters) device.pushErrorScope(filter);
      try {
        return work();
      } finally {
        const scopes = filters.map(() =>
          device.popErrorScope().then(
            (error) => {
              if (error !== null) note(error.message);
            },
            // A device that is lost has no answer.
            (error: unknown) => note(messageOf(error)),
          ),
        );
        pending = Promise.all([pending, ...scopes]);
      }
    },
    async settled() {
      await pending;
    },
  };
}

/**
 * Begins work that ends in values.
 *
 * @returns to be called once the values are read: rejects with an Error if something failed on the device meanwhile, as
 * the values are not to be trusted then
 */
export function beginWatched({ failures }: TfjsRuntime): () => Promise<void> {
  const before = failures?.seen.length ?? 0;
  return async () => {
    await failures?.settled();
    // The first, as others follow from it.
    const failure = failures?.seen[before];
    if (failure === undefined) return;
    throw new Error(`the GPU reports: ${failure}. If its memory is too small, use smaller batches, or tfjsWasm().`);
  };
}

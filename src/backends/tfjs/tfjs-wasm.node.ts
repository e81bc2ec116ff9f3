import type { GradientBackend } from "../gradient-backend.js";
import type { TrainableBackend } from "../trainable-backend.js";
import { createWasmBackend, type TfjsWasmOptions, type WasmHost } from "./wasm-backend.js";
import { mostThreads, prepareThreads } from "./wasm-threads.node.js";

export type { TfjsWasmOptions } from "./wasm-backend.js";

const events = ["uncaughtException", "unhandledRejection"] as const;
type Listener = (...parameters: unknown[]) => void;

/**
 * tfjs on WebAssembly: runs wherever Node or a browser does, trains, needs no native library. Several times slower
 * than onnx(), at running and at training; docs/figures.md has measurements.
 *
 * In Node its packages are dependencies of this library. Starting it gives the wasm backend, for the whole process, faster
 * matrix products and convolutions, the gradients of convolutions that it lacks, and a right one of max pooling. The memory
 * of WebAssembly ends at 4 GB without an error, so loading, running and training reject with UnsupportedError before 3 GB
 * are passed.
 *
 * @throws InvalidArgumentError if an option is out of range
 *
 * @example
 * const extractor = await FeatureExtractor.create({ backbone: "squeezenet", backend: tfjsWasm() });
 */
export function tfjsWasm(options: TfjsWasmOptions = {}): TrainableBackend & GradientBackend {
  return createWasmBackend(host, options);
}

const host: WasmHost = {
  mostThreads,
  beforeStart(tf, threads = 1) {
    const restore = threads > 1 ? prepareThreads(tf, threads) : undefined;
    const before = events.map((event) => new Set(process.listeners(event as "uncaughtException") as Listener[]));
    return () => {
      restore?.();
      for (const [index, event] of events.entries()) {
        for (const listener of process.listeners(event as "uncaughtException") as Listener[]) {
          if (!before[index]?.has(listener) && rethrows(listener)) process.removeListener(event, listener);
        }
      }
    };
  },
};

/**
 * Whether this is one of the two listeners that the wasm module adds as it starts. All they do is to throw what they
 * get, which turns every unhandled rejection of the app into a crash with the wrong stack. The app may add listeners of
 * its own in the same moment, so being new is not enough.
 */
function rethrows(listener: Listener): boolean {
  const source = Function.prototype.toString.call(listener);
  const body = source.slice(source.indexOf("{") + 1).replace(/\s+/g, " ");
  return /^ ?(if ?\(!\((\w+) instanceof \w+\)\) ?\{? ?)?throw \w+;? ?\}? ?\}/.test(body);
}

import { BackendUnavailableError, InvalidArgumentError } from "../../errors.js";
import { checkOptions } from "../../options/check-options.js";
import type { GradientBackend } from "../gradient-backend.js";
import type { TrainableBackend } from "../trainable-backend.js";
import { registerConvolutionGradients } from "./convolution-gradients.js";
import { registerFastBatchMatMul } from "./fast-batch-mat-mul.js";
import { registerFastConvolution } from "./fast-convolution.js";
import { registerFusedAdam } from "./fused-adam.js";
import { registerMaxPoolGradient } from "./max-pool-gradient.js";
import { createMemoryBudget, type MemoryBudget } from "./memory-budget.js";
import { messageOf, type Tfjs } from "./shared-tfjs.js";
import { loadSimdKernels } from "./simd/simd-kernels.js";
import { createTfjsBackend } from "./tfjs-backend.js";

/** The exports of tfjs-backend-wasm. */
type WasmLibrary = typeof import("@tensorflow/tfjs-backend-wasm");

/** Where the wasm backend runs, as far as that makes a difference. */
export interface WasmHost {
  /**
   * Prepares the host before the wasm module is started; returns what to do after the start, well or not.
   *
   * @param threads as asked for
   * @throws BackendUnavailableError if there cannot be so many
   */
  beforeStart(tf: Tfjs, threads: number | undefined): () => void;
  /** Most threads that may be asked for. */
  readonly mostThreads: number;
}

/** Options of tfjsWasm. */
export interface TfjsWasmOptions {
  /**
   * Threads that compute, an integer from 1 on; in Node up to 9, in browsers up to half of `navigator.hardwareConcurrency`. tfjs's
   * wasm module is one for the process, so the first that starts it decides. Default: in Node 1, in browsers as many
   * as there can be where the page is cross-origin isolated, else 1; and whatever runs already.
   */
  readonly threads?: number | undefined;
}

/**
 * The memory of the wasm module ends at 4 GB, and beyond some 3.6 GB tensors overwrite each other without any error, so
 * it is never filled that far. One for the process, as the module is.
 */
const heap: MemoryBudget = createMemoryBudget("the WebAssembly memory", 3 * 2 ** 30);

/**
 * Makes the wasm backend for a host.
 *
 * @throws InvalidArgumentError if an option is out of range
 */
export function createWasmBackend(host: WasmHost, options: TfjsWasmOptions): TrainableBackend & GradientBackend {
  checkOptions("tfjsWasm", options, { threads: true });
  const { threads } = options;
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= host.mostThreads)) {
    throw new InvalidArgumentError(
      `\`threads\` of the backend "tfjs-wasm" takes an integer from 1 to ${host.mostThreads} here, but is ${threads}.`,
    );
  }
  let library: WasmLibrary | undefined;
  return createTfjsBackend({
    name: "tfjs-wasm",
    backend: "wasm",
    memory: heap,
    async prepare(tf) {
      try {
        library = await import("@tensorflow/tfjs-backend-wasm");
      } catch (cause) {
        throw new BackendUnavailableError(
          'Cannot load "@tensorflow/tfjs-backend-wasm". Install it: npm install @tensorflow/tfjs-backend-wasm',
          [{ backend: "tfjs-wasm", reason: messageOf(cause) }],
          { cause },
        );
      }
      if (tf.engine().registry.wasm === undefined) {
        const afterStart = host.beforeStart(tf, threads);
        try {
          if (threads !== undefined) library.setThreadsCount(threads);
          await tf.setBackend("wasm");
        } finally {
          afterStart();
        }
      }
      const running = tf.engine().registry.wasm === undefined ? undefined : library.getThreadsCount();
      if (threads !== undefined && running !== undefined && running !== threads) {
        const reason = `the wasm module, which is one for the process, was started with ${running} of them before`;
        throw new BackendUnavailableError(
          `tfjs-wasm cannot have ${threads} threads: ${reason}. Ask for the same number everywhere, the first time before tfjs's own "wasm" backend is used.`,
          [{ backend: "tfjs-wasm", reason }],
        );
      }
    },
    async started(tf) {
      const kernels = await loadSimdKernels(tf);
      registerFastBatchMatMul(tf, kernels);
      registerFastConvolution(tf, kernels);
      registerConvolutionGradients(tf, kernels);
      registerMaxPoolGradient(tf);
      registerFusedAdam(tf, kernels);
      return describe(tf, library as WasmLibrary);
    },
  });
}

async function describe(tf: Tfjs, library: WasmLibrary): Promise<string> {
  const simd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");
  const threads = (await tf.env().getAsync("WASM_HAS_MULTITHREAD_SUPPORT")) ? library.getThreadsCount() : 1;
  return `tfjs-backend-wasm ${library.version_wasm}, ${simd ? "SIMD" : "no SIMD"}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
}

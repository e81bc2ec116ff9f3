import { BackendUnavailableError } from "../../errors.js";
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
  /** Prepares the host before the wasm module is started; returns what to do after the start, well or not. */
  beforeStart(library: WasmLibrary): () => void;
}

/**
 * The memory of the wasm module ends at 4 GB, and beyond some 3.6 GB tensors overwrite each other without any error, so
 * it is never filled that far. One for the process, as the module is.
 */
const heap: MemoryBudget = createMemoryBudget("the WebAssembly memory", 3 * 2 ** 30);

/** Makes the wasm backend for a host. */
export function createWasmBackend(host: WasmHost): TrainableBackend & GradientBackend {
  let library: WasmLibrary | undefined;
  let afterStart: (() => void) | undefined;
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
      afterStart = host.beforeStart(library);
      try {
        await tf.setBackend("wasm");
      } finally {
        afterStart();
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

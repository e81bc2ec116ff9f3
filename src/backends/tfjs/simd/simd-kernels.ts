import type { DataId, KernelFunc, TensorInfo } from "@tensorflow/tfjs-core";
import type { Tfjs } from "../shared-tfjs.js";
import { sharedSimdKernelsBase64, simdKernelsBase64 } from "./simd-kernels-binary.js";

/** What of tfjs's wasm backend gives access to its memory. */
export interface WasmHeap {
  readonly wasm: {
    /** Exports of the module; the one with threads does not export its memory but keeps it beside them. */
    readonly asm: { readonly memory?: WebAssembly.Memory };
    readonly wasmMemory?: WebAssembly.Memory;
  };
  makeOutput(shape: readonly number[], dtype: "float32"): TensorInfo;
  disposeData(dataId: DataId): boolean;
  /** Address of a value's first byte. */
  getMemoryOffset(dataId: DataId): number;
}

/** Transforms of a convolution by 3x3 and of its gradients: assembly/winograd.ts. */
export type WinogradTransform =
  | "winogradInput"
  | "winogradKernel"
  | "winogradOutput"
  | "winogradOutputGradient"
  | "winogradKernelGradient";

/** Functions of WebAssembly, described where they are written: assembly/adam.ts, matrix-product.ts, packing.ts, winograd.ts. */
export type SimdFunctions = Readonly<
  Record<
    "adamInto" | "multiply" | "packAlong4" | "packAlong8" | "packAcross4" | "packAcross8" | WinogradTransform,
    (...parameters: readonly number[]) => void
  >
>;

/** WebAssembly of ours that computes in the memory of tfjs's wasm backend. */
export type SimdKernels = SimdFunctions & { readonly memory: WebAssembly.Memory };

/**
 * Compiles what tfjs's wasm backend has no fast kernel for. Undefined where the machine has no SIMD, or where this
 * tfjs does not show its memory: then the kernels that tfjs has do the work.
 */
export async function loadSimdKernels(tf: Tfjs): Promise<SimdKernels | undefined> {
  const { wasm } = tf.engine().registry.wasm as unknown as WasmHeap;
  const memory = wasm.asm.memory ?? wasm.wasmMemory;
  if (!(memory instanceof WebAssembly.Memory) || !(await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT"))) return undefined;
  const shared = typeof SharedArrayBuffer !== "undefined" && memory.buffer instanceof SharedArrayBuffer;
  const base64 = shared ? sharedSimdKernelsBase64 : simdKernelsBase64;
  const binary = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const { instance } = await WebAssembly.instantiate(binary, { env: { memory } });
  return { memory, ...(instance.exports as unknown as SimdFunctions) };
}

/** The heap of the backend that a kernel is called for. */
export function heapOf(backend: Parameters<KernelFunc>[0]["backend"]): WasmHeap {
  return backend as unknown as WasmHeap;
}

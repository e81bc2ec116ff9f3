import type { DataId, KernelFunc, TensorInfo } from "@tensorflow/tfjs-core";
import type { Tfjs } from "../shared-tfjs.js";
import { adamCode } from "./adam-code.js";
import { multiplyCode, packAcrossCode, packAlongCode } from "./multiply-code.js";
import { encodeModule } from "./wasm-module.js";
import { type WinogradTransform, winogradCodes } from "./winograd-code.js";

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

/** Functions of WebAssembly, described where their code is written. */
export type SimdFunctions = Readonly<
  Record<
    "adam" | "multiply" | "packAlong4" | "packAlong8" | "packAcross4" | "packAcross8" | WinogradTransform,
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
  const functions = [
    adamCode(),
    multiplyCode(),
    packAlongCode(4),
    packAlongCode(8),
    packAcrossCode(4),
    packAcrossCode(8),
    ...winogradCodes(),
  ];
  const { instance } = await WebAssembly.instantiate(encodeModule(functions, shared), { tfjs: { memory } });
  return { memory, ...(instance.exports as unknown as SimdFunctions) };
}

/** The heap of the backend that a kernel is called for. */
export function heapOf(backend: Parameters<KernelFunc>[0]["backend"]): WasmHeap {
  return backend as unknown as WasmHeap;
}

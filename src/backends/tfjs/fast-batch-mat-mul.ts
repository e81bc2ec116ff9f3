import type { KernelFunc, TensorInfo } from "@tensorflow/tfjs-core";
import type { Tfjs } from "./shared-tfjs.js";
import { type HeapMatrix, multiplyInHeap, withWorkspace, workspaceNumbers } from "./simd/multiply.js";
import { heapOf, type SimdKernels } from "./simd/simd-kernels.js";

const mark = Symbol.for("cnn-transfer.fast-batch-mat-mul");

/** Multiplications below which a product is too small for another way to pay. */
const small = 2 ** 20;

/**
 * Replaces the matrix product of tfjs's wasm backend, for the whole process. The stock kernel leaves its fast path for a
 * plain loop when an operand is to be read transposed, as both products of a Dense layer's gradient are; and it rearranges
 * the right matrix once for each tensor, which is lost work where weights change with every step. Large products are
 * computed by WebAssembly of ours, where there is SIMD; others with a transposed operand by transposing it first. Results
 * stay within float32 noise of the stock kernel's. Does nothing when it has been done.
 */
export function registerFastBatchMatMul(tf: Tfjs, kernels: SimdKernels | undefined): void {
  const stock = tf.getKernel("BatchMatMul", "wasm");
  const transpose = tf.getKernel("Transpose", "wasm");
  if (stock === undefined || transpose === undefined || mark in stock.kernelFunc) return;
  const kernelFunc: KernelFunc = (call) => {
    const { inputs, attrs, backend } = call;
    const { a, b } = inputs as unknown as { readonly a: TensorInfo; readonly b: TensorInfo };
    const { transposeA, transposeB } = attrs as unknown as Readonly<Record<"transposeA" | "transposeB", boolean>>;
    // For more than one matrix the stock kernel has no fast path to lead to.
    if (hasBatch(a) || hasBatch(b)) return stock.kernelFunc(call);
    const [aRows, aColumns] = a.shape.slice(-2) as [number, number];
    const [bRows, bColumns] = b.shape.slice(-2) as [number, number];
    const [rows, depth] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
    const size = { rows, depth, columns: transposeB ? bRows : bColumns };
    const isFloat = a.dtype === "float32" && b.dtype === "float32";
    if (kernels !== undefined && isFloat && rows * depth * size.columns >= small) {
      const heap = heapOf(backend);
      const product = heap.makeOutput(
        [...(a.shape.length === 3 || b.shape.length === 3 ? [1] : []), rows, size.columns],
        "float32",
      );
      withWorkspace(heap, workspaceNumbers(size), (workspace) => {
        const matrix = (x: TensorInfo, columns: number, transposed: boolean): HeapMatrix => ({
          address: heap.getMemoryOffset(x.dataId),
          rowStride: transposed ? 1 : columns,
          columnStride: transposed ? columns : 1,
        });
        const [left, right] = [matrix(a, aColumns, transposeA), matrix(b, bColumns, transposeB)];
        multiplyInHeap(kernels, left, right, heap.getMemoryOffset(product.dataId), size, workspace);
      });
      return product;
    }
    if (!(transposeA || transposeB)) return stock.kernelFunc(call);
    const temporary: TensorInfo[] = [];
    const swapLastTwo = (x: TensorInfo): TensorInfo => {
      const axes = x.shape.map((_, axis) => axis);
      const perm = [...axes.slice(0, -2), axes.length - 1, axes.length - 2];
      const swapped = transpose.kernelFunc({ inputs: { x }, attrs: { perm }, backend }) as TensorInfo;
      temporary.push(swapped);
      return swapped;
    };
    const plain = { a: transposeA ? swapLastTwo(a) : a, b: transposeB ? swapLastTwo(b) : b };
    const product = stock.kernelFunc({ inputs: plain, attrs: { transposeA: false, transposeB: false }, backend });
    for (const { dataId } of temporary) (backend as { disposeData(id: object): void }).disposeData(dataId);
    return product;
  };
  Object.assign(kernelFunc, { [mark]: true });
  tf.unregisterKernel("BatchMatMul", "wasm");
  tf.registerKernel({ ...stock, kernelFunc });
}

function hasBatch({ shape }: TensorInfo): boolean {
  return shape.slice(0, -2).some((axis) => axis > 1);
}

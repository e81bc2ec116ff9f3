import type { KernelFunc, TensorInfo } from "@tensorflow/tfjs-core";
import type { Tfjs } from "./shared-tfjs.js";

const mark = Symbol.for("cnn-transfer.fast-batch-mat-mul");

/**
 * Replaces the matrix product of tfjs's wasm backend by one that transposes a flagged operand first, for the whole
 * process. The stock kernel leaves its fast path for a plain loop when an operand is to be read transposed, as both
 * products of a Dense layer's gradient are; transposing costs far less than that. Results stay within float32 noise of
 * the stock kernel's. Does nothing when it has been done.
 */
export function registerFastBatchMatMul(tf: Tfjs): void {
  const stock = tf.getKernel("BatchMatMul", "wasm");
  const transpose = tf.getKernel("Transpose", "wasm");
  if (stock === undefined || transpose === undefined || mark in stock.kernelFunc) return;
  const kernelFunc: KernelFunc = (call) => {
    const { inputs, attrs, backend } = call;
    const { a, b } = inputs as unknown as { readonly a: TensorInfo; readonly b: TensorInfo };
    const { transposeA, transposeB } = attrs as unknown as Readonly<Record<"transposeA" | "transposeB", boolean>>;
    // For more than one matrix the stock kernel has no fast path to lead to.
    if (!(transposeA || transposeB) || hasBatch(a) || hasBatch(b)) return stock.kernelFunc(call);
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

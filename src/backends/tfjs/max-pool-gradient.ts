import type { backend_util, DataId, KernelFunc, TensorInfo } from "@tensorflow/tfjs-core";
import type { Tfjs } from "./shared-tfjs.js";

const mark = Symbol.for("cnn-transfer.max-pool-gradient");

/** What of tfjs's wasm backend reads and makes values. */
interface WasmValues {
  readSync(dataId: DataId): Float32Array;
  makeOutput(shape: readonly number[], dtype: "float32"): TensorInfo;
  typedArrayFromHeap(info: TensorInfo): Float32Array;
}

/**
 * Replaces the gradient of max pooling of tfjs's wasm backend, for the whole process: the stock one gives other values,
 * without an error, for windows that are not square or reach over the image's end. Each window gives its gradient to the
 * first of its greatest values, as in TensorFlow. Does nothing when it has been done.
 */
export function registerMaxPoolGradient(tf: Tfjs): void {
  const stock = tf.getKernel("MaxPoolGrad", "wasm");
  if (stock === undefined || mark in stock.kernelFunc) return;
  const kernelFunc: KernelFunc = ({ inputs, attrs, backend }) => {
    const { dy, input } = inputs as unknown as Readonly<Record<"dy" | "input", TensorInfo>>;
    const { filterSize, strides, pad, dimRoundingMode } = attrs as never;
    const shape = input.shape as [number, number, number, number];
    const window = tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
    const wasm = backend as unknown as WasmValues;
    const gradient = maxPoolGradient(wasm.readSync(input.dataId), wasm.readSync(dy.dataId), window);
    const output = wasm.makeOutput(shape, "float32");
    wasm.typedArrayFromHeap(output).set(gradient);
    return output;
  };
  Object.assign(kernelFunc, { [mark]: true });
  tf.unregisterKernel("MaxPoolGrad", "wasm");
  tf.registerKernel({ ...stock, kernelFunc });
}

function maxPoolGradient(x: Float32Array, dy: Float32Array, window: backend_util.Conv2DInfo): Float32Array {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, padInfo } = window;
  const { strideHeight, strideWidth, filterHeight, filterWidth } = window;
  const gradient = new Float32Array(x.length);
  let from = 0;
  for (let n = 0; n < batchSize; n++) {
    for (let p = 0; p < outHeight; p++) {
      const top = p * strideHeight - padInfo.top;
      const [firstRow, endRow] = [Math.max(0, top), Math.min(inHeight, top + filterHeight)];
      for (let q = 0; q < outWidth; q++) {
        const left = q * strideWidth - padInfo.left;
        const [firstColumn, endColumn] = [Math.max(0, left), Math.min(inWidth, left + filterWidth)];
        for (let c = 0; c < inChannels; c++) {
          let best = ((n * inHeight + firstRow) * inWidth + firstColumn) * inChannels + c;
          for (let row = firstRow; row < endRow; row++) {
            for (let column = firstColumn; column < endColumn; column++) {
              const at = ((n * inHeight + row) * inWidth + column) * inChannels + c;
              if ((x[at] as number) > (x[best] as number)) best = at;
            }
          }
          gradient[best] = (gradient[best] as number) + (dy[from++] as number);
        }
      }
    }
  }
  return gradient;
}

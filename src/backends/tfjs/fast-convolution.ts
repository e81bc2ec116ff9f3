import type { KernelFunc, TensorInfo } from "@tensorflow/tfjs-core";
import { type ConvolutionAttributes, type Shape4D, windowOf } from "./convolution-window.js";
import { composeKernel } from "./kernel-composer.js";
import type { Tfjs } from "./shared-tfjs.js";
import { heapOf, type SimdKernels } from "./simd/simd-kernels.js";
import { convolveByWinograd, suitsWinograd } from "./winograd.js";

const mark = Symbol.for("cnn-transfer.fast-convolution");

/**
 * Replaces the convolution by 3x3 of tfjs's wasm backend, for the whole process, where it stands alone as it does while
 * gradients are wanted: the stock kernel rearranges the weights once for each tensor, which is lost work where they change
 * with every step. Networks that only run use another kernel, with bias and activation, that stays as it is. Results
 * stay within float32 noise of the stock kernel's. Does nothing when it has been done, or without SIMD.
 */
export function registerFastConvolution(tf: Tfjs, simd: SimdKernels | undefined): void {
  const stock = tf.getKernel("Conv2D", "wasm");
  if (stock === undefined || simd === undefined || mark in stock.kernelFunc) return;
  const kernelFunc: KernelFunc = (call) => {
    const { x, filter } = call.inputs as unknown as { readonly x: TensorInfo; readonly filter: TensorInfo };
    const attributes = call.attrs as unknown as ConvolutionAttributes & {
      readonly dilations: number | [number, number];
    };
    const dilated = [attributes.dilations].flat().some((dilation) => dilation > 1);
    const [, , channels, filters] = filter.shape as Shape4D;
    if (dilated || attributes.dataFormat === "NCHW") return stock.kernelFunc(call);
    const window = windowOf(tf, x.shape as Shape4D, filter.shape as Shape4D, attributes, false);
    if (!suitsWinograd(window, channels, filters)) return stock.kernelFunc(call);
    return composeKernel(tf, call.backend, (kernels) =>
      convolveByWinograd({ kernels, simd, heap: heapOf(call.backend) }, x, filter, window, false),
    );
  };
  Object.assign(kernelFunc, { [mark]: true });
  tf.unregisterKernel("Conv2D", "wasm");
  tf.registerKernel({ ...stock, kernelFunc });
}

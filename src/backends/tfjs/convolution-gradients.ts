import type { KernelFunc, NamedTensorInfoMap, TensorInfo } from "@tensorflow/tfjs-core";
import {
  type ConvolutionAttributes,
  canTurn,
  lookedAt,
  padded,
  type Shape4D,
  spread,
  taps,
  windowOf,
} from "./convolution-window.js";
import { composeKernel, type KernelComposer } from "./kernel-composer.js";
import type { Tfjs } from "./shared-tfjs.js";
import { heapOf, type SimdKernels } from "./simd/simd-kernels.js";
import { convolveByWinograd, kernelGradientByWinograd, suitsWinograd } from "./winograd.js";

const backend = "wasm";
const names = {
  filter: "Conv2DBackpropFilter",
  input: "Conv2DBackpropInput",
  depthwiseFilter: "DepthwiseConv2dNativeBackpropFilter",
  depthwiseInput: "DepthwiseConv2dNativeBackpropInput",
} as const;

/**
 * Gives tfjs's wasm backend the gradients of convolutions, for the whole process: of four kernels it has but one, and that is
 * a plain loop. Each is composed of kernels that it has, so that the work is done by its fast convolution and matrix
 * product. A later tfjs that brings its own keeps them. Does nothing when it has been done.
 *
 * Formulas, for a window at (i, j) of the kernel, stride s and an image x padded with zeros to X:
 * dW[i, j, c, k] = sum over n, p, q of X[n, p s + i, q s + j, c] dy[n, p, q, k], a matrix product for each (i, j);
 * dX is a convolution of dy, with s - 1 zeros between its values, by the kernel turned around.
 */
export function registerConvolutionGradients(tf: Tfjs, simd: SimdKernels | undefined): void {
  const add = (kernelName: string, kernelFunc: KernelFunc) => {
    if (tf.getKernel(kernelName, backend) === undefined) {
      tf.registerKernel({ kernelName, backendName: backend, kernelFunc });
    }
  };
  // The filter's gradient stands for all of them: where it is there, tfjs or another copy of this library has them.
  const stock = tf.getKernel(names.input, backend);
  if (tf.getKernel(names.filter, backend) === undefined && stock !== undefined) {
    tf.unregisterKernel(names.input, backend);
    tf.registerKernel({ ...stock, kernelFunc: inputGradient(tf, simd, stock.kernelFunc) });
  }
  add(names.filter, filterGradient(tf, simd));
  add(names.depthwiseFilter, depthwiseFilterGradient(tf));
  add(names.depthwiseInput, depthwiseInputGradient(tf));
}

function filterGradient(tf: Tfjs, simd: SimdKernels | undefined): KernelFunc {
  return (call) => {
    const { x, dy } = call.inputs as unknown as { readonly x: TensorInfo; readonly dy: TensorInfo };
    const attributes = call.attrs as unknown as ConvolutionAttributes;
    const { filterShape } = attributes;
    const window = windowOf(tf, x.shape as Shape4D, filterShape, attributes, false);
    const [, , channels, filters] = filterShape;
    return composeKernel(tf, call.backend, (kernels) => {
      if (simd !== undefined && suitsWinograd(window, channels, filters)) {
        return kernelGradientByWinograd({ kernels, simd, heap: heapOf(call.backend) }, x, dy, window);
      }
      const places = (x.shape[0] as number) * window.output[0] * window.output[1];
      const rows = { ...dy, shape: [1, places, filters] };
      const image = channelsFirst(kernels, padded(kernels, x, window));
      const parts = taps(window).map((tap) => {
        const seen = kernels.view(lookedAt(kernels, image, window, tap), [1, channels, places]);
        const product = kernels.run("BatchMatMul", { a: seen, b: rows }, { transposeA: false, transposeB: false });
        kernels.free(seen);
        return product;
      });
      return kernels.view(concatenated(kernels, parts), filterShape);
    });
  };
}

function inputGradient(tf: Tfjs, simd: SimdKernels | undefined, stock: KernelFunc): KernelFunc {
  return (call) => {
    const { dy, filter } = call.inputs as unknown as { readonly dy: TensorInfo; readonly filter: TensorInfo };
    const attributes = call.attrs as unknown as ConvolutionAttributes;
    if (attributes.dataFormat === "NCHW") return stock(call);
    const window = windowOf(tf, attributes.inputShape, filter.shape as Shape4D, attributes, false);
    if (!canTurn(window)) return stock(call);
    return composeKernel(tf, call.backend, (kernels) => {
      const [, , channels, filters] = filter.shape as Shape4D;
      if (simd !== undefined && suitsWinograd(window, channels, filters)) {
        const before = window.before.map((count) => 2 - count) as [number, number];
        const parts = { kernels, simd, heap: heapOf(call.backend) };
        return convolveByWinograd(parts, dy, filter, { output: window.input, before }, true);
      }
      const { image, pad } = spread(kernels, dy, window);
      const turned = kernels.run("Reverse", { x: filter }, { dims: [0, 1] });
      const swapped = kernels.run("Transpose", { x: turned }, { perm: [0, 1, 3, 2] });
      return kernels.run("Conv2D", { x: image, filter: swapped }, { ...one, pad, dataFormat: "NHWC" });
    });
  };
}

function depthwiseFilterGradient(tf: Tfjs): KernelFunc {
  return (call) => {
    const { x, dy } = call.inputs as unknown as { readonly x: TensorInfo; readonly dy: TensorInfo };
    const attributes = call.attrs as unknown as ConvolutionAttributes;
    const { filterShape } = attributes;
    const window = windowOf(tf, x.shape as Shape4D, filterShape, attributes, true);
    const [, , channels, multiplier] = filterShape;
    const batch = x.shape[0] as number;
    const [height, width] = window.output;
    return composeKernel(tf, call.backend, (kernels) => {
      const image = channelsFirst(kernels, padded(kernels, x, window));
      const gradients = byMultiplier(kernels, dy, multiplier, [batch, height, width, channels]).map((gradient) =>
        kernels.view(channelsFirst(kernels, gradient), [channels * batch * height, width]),
      );
      const parts = taps(window).flatMap((tap) => {
        const seen = lookedAt(kernels, image, window, tap);
        const sums = gradients.map((gradient) => {
          const products = kernels.run("Multiply", { a: kernels.view(seen, gradient.shape), b: gradient }, {});
          // In two steps, as a long sum loses digits.
          const sums = kernels.run("Sum", { x: products }, { axis: [1], keepDims: false });
          const total = kernels.run(
            "Sum",
            { x: kernels.view(sums, [channels, batch * height]) },
            { axis: [1], keepDims: false },
          );
          kernels.free(products);
          return kernels.view(total, [1, channels]);
        });
        kernels.free(seen);
        return sums;
      });
      const all = kernels.view(concatenated(kernels, parts), [parts.length / multiplier, multiplier, channels]);
      return kernels.view(kernels.run("Transpose", { x: all }, { perm: [0, 2, 1] }), filterShape);
    });
  };
}

function depthwiseInputGradient(tf: Tfjs): KernelFunc {
  return (call) => {
    const { dy, filter } = call.inputs as unknown as { readonly dy: TensorInfo; readonly filter: TensorInfo };
    const attributes = call.attrs as unknown as ConvolutionAttributes;
    const window = windowOf(tf, attributes.inputShape, filter.shape as Shape4D, attributes, true);
    const [height, width, channels, multiplier] = filter.shape as Shape4D;
    return composeKernel(tf, call.backend, (kernels) => {
      const turned = kernels.run("Reverse", { x: filter }, { dims: [0, 1] });
      const turnedKernels = byMultiplier(kernels, turned, multiplier, [height, width, channels, 1]);
      const [batch] = attributes.inputShape;
      return byMultiplier(kernels, dy, multiplier, [batch, ...window.output, channels])
        .map((gradient, at) => {
          const { image, pad } = spread(kernels, gradient, window);
          const kernel = turnedKernels[at] as TensorInfo;
          return kernels.run("DepthwiseConv2dNative", { x: image, filter: kernel }, { ...one, pad });
        })
        .reduce((sum, part) => kernels.run("Add", { a: sum, b: part }, {}));
    });
  };
}

const one = { strides: [1, 1], dilations: [1, 1] };

/** `[n, h, w, c]` as `[c, n, h, w]` */
function channelsFirst(kernels: KernelComposer, x: TensorInfo): TensorInfo {
  return kernels.run("Transpose", { x }, { perm: [3, 0, 1, 2] });
}

/** Along the first axis. */
function concatenated(kernels: KernelComposer, parts: readonly TensorInfo[]): TensorInfo {
  return kernels.run("Concat", [...parts] as unknown as NamedTensorInfoMap, { axis: 0 });
}

/** Splits values that count the multiplier within the channels into one array of this shape for each of the former. */
function byMultiplier(
  kernels: KernelComposer,
  x: TensorInfo,
  multiplier: number,
  shape: Shape4D,
): readonly TensorInfo[] {
  if (multiplier === 1) return [kernels.view(x, shape)];
  const size = shape.reduce((product, length) => product * length, 1);
  const apart = kernels.view(x, [size, multiplier]);
  return Array.from({ length: multiplier }, (_, at) =>
    kernels.view(kernels.run("Slice", { x: apart }, { begin: [0, at], size: [size, 1] }), shape),
  );
}

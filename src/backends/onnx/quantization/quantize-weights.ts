import type { Initializer } from "../graph.js";

/** Greatest size of an integer: one is left free for a form in which all of them are one more. */
const greatest = 126;

/** A kernel in 8-bit integers: value = integer * scale of its filter. */
export interface QuantizedKernel {
  readonly integers: Initializer;
  readonly scales: Float32Array;
}

/**
 * Rounds a kernel to integers from -126 to 126, one scale for each filter: its greatest absolute value / 126. Symmetric,
 * so that 0 stays 0. What is not finite, or a filter of zeros, has no scale of its own and gets 1.
 *
 * Scheme: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
 * CVPR 2018, with the scales for each channel of Krishnamoorthi, arXiv:1806.08342.
 *
 * @param axis where the filters are, as the kernel lies in memory
 * @param leastScale smallest scale that a filter may have; its weights are then fewer steps
 * @returns undefined if a value or a least scale is not finite: then there are no such integers
 */
export function quantizeKernel(
  kernel: Initializer & { readonly data: Float32Array },
  axis: number,
  leastScale: (filter: number) => number = () => 0,
): QuantizedKernel | undefined {
  const { data, shape } = kernel;
  const filters = shape[axis] as number;
  const stride = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const scales = new Float32Array(filters);
  for (let i = 0; i < data.length; i++) {
    const filter = Math.floor(i / stride) % filters;
    const size = Math.abs(data[i] as number);
    if (!Number.isFinite(size)) return undefined;
    if (size > (scales[filter] as number)) scales[filter] = size;
  }
  for (let filter = 0; filter < filters; filter++) {
    const scale = Math.max((scales[filter] as number) / greatest, leastScale(filter));
    if (!Number.isFinite(scale)) return undefined;
    // Below this, a float32 of it has lost its precision.
    scales[filter] = scale > 1e-30 ? scale : 1;
  }
  const integers = new Int8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const ratio = (data[i] as number) / (scales[Math.floor(i / stride) % filters] as number);
    integers[i] = Math.max(-greatest, Math.min(greatest, roundHalfToEven(ratio)));
  }
  return { integers: { ...kernel, name: `${kernel.name}/int8`, data: integers }, scales };
}

/** Rounds as ONNX's QuantizeLinear does. */
export function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

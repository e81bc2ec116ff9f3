import type { NdArray } from "../../../ndarray.js";
import type { GraphNode, Initializer, OnnxGraph } from "../graph.js";
import type { ActivationRange } from "./activation-range.js";
import { filterAxis } from "./fold-into-convolutions.js";
import { hasKernel } from "./plan-quantization.js";
import { kernelParameters, layOut, type QuantizationParameters } from "./quantization-parameters.js";

/** Runs the pictures that set ranges in float, and shows the values of tensors, batch by batch. */
export type Observe = (
  tensors: readonly string[],
  visit: (values: ReadonlyMap<string, NdArray<"float32">>) => void,
) => Promise<void>;

/**
 * What is to be added to the biases of kernels in integers, by their output, so that their sums are right on average: for
 * each filter the sum of (weight - rounded weight) * mean of its channel. Without it, rounding moves the mean of what comes
 * out, and where values of many places are averaged in the end, such a shift stays while the rest of the error cancels
 * out. It is worst in depthwise layers, whose sums are of few products.
 *
 * Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.2, with
 * means that were seen.
 *
 * @param graph with bytes as pixels
 * @param observe runs `batches`
 */
export async function biasCorrections(
  graph: OnnxGraph,
  ranges: ReadonlyMap<string, ActivationRange>,
  observe: Observe,
  batches: readonly NdArray[],
): Promise<ReadonlyMap<string, readonly number[]>> {
  const { constants, parameters, rounded } = layOut(graph, ranges, new Set());
  const kernels = graph.nodes.filter((node) => hasKernel(node, constants));
  const sums = new Map<string, MeanCounter>();
  for (const {
    inputs: [input = ""],
  } of kernels)
    if (rounded.has(input)) sums.set(input, new MeanCounter());
  await observe([...sums.keys()], (values) => {
    for (const [input, counter] of sums) counter.add(values.get(input) as NdArray<"float32">);
  });
  const corrections = new Map<string, readonly number[]>();
  for (const node of kernels) {
    const [input = "", kernelName = "", biasName = ""] = node.inputs;
    const known = parameters.known(input);
    if (known === undefined) continue;
    const means = sums.get(input)?.means() ?? meansOfPixels(batches, known);
    const kernel = constants.get(kernelName) as Initializer & { readonly data: Float32Array };
    const found = correctionOf(node, kernel, constants.get(biasName)?.data, means, known.scale);
    if (found) corrections.set(node.outputs[0] as string, found);
  }
  return corrections;
}

function correctionOf(
  { operator }: GraphNode,
  kernel: Initializer & { readonly data: Float32Array },
  bias: Initializer["data"] | undefined,
  means: Float64Array,
  scale: number,
): readonly number[] | undefined {
  const isConvolution = operator === "Conv";
  const axis = isConvolution ? filterAxis(kernel).axis : 1;
  const channelAxis = isConvolution ? (kernel.permutation?.[1] ?? 1) : 0;
  const quantized = kernelParameters(kernel, axis, bias, scale);
  if (quantized === undefined) return undefined;
  const strideOf = (of: number) => kernel.shape.slice(of + 1).reduce((product, size) => product * size, 1);
  const [filterStride, channelStride] = [strideOf(axis), strideOf(channelAxis)];
  const [filters, channels] = [kernel.shape[axis] as number, kernel.shape[channelAxis] as number];
  const groups = means.length / channels;
  const sums = new Float64Array(filters);
  for (let i = 0; i < kernel.data.length; i++) {
    const filter = Math.floor(i / filterStride) % filters;
    const group = Math.floor((filter * groups) / filters);
    const channel = group * channels + (Math.floor(i / channelStride) % channels);
    const rounded = Number(quantized.integers.data[i]) * (quantized.scales[filter] as number);
    sums[filter] = (sums[filter] as number) + ((kernel.data[i] as number) - rounded) * (means[channel] as number);
  }
  // Three digits are more than the means of some pictures are good for.
  return Array.from(sums, (sum) => Number(sum.toPrecision(3)));
}

/** Means of each channel over pictures and places. */
class MeanCounter {
  #sums = new Float64Array(0);
  #places = 0;

  /** @param values `[batch, channels, ...place]` */
  add({ data, shape }: NdArray<"float32">): void {
    const [batch = 0, channels = 0, ...place] = shape;
    const size = place.reduce((product, length) => product * length, 1);
    if (this.#places === 0) this.#sums = new Float64Array(channels);
    for (let start = 0; start < data.length; start += size) {
      let sum = 0;
      for (let i = start; i < start + size; i++) sum += data[i] as number;
      const channel = (start / size) % channels;
      this.#sums[channel] = (this.#sums[channel] as number) + sum;
    }
    this.#places += batch * size;
  }

  means(): Float64Array {
    return this.#sums.map((sum) => sum / this.#places);
  }
}

function meansOfPixels(batches: readonly NdArray[], { scale, zeroPoint }: QuantizationParameters): Float64Array {
  const channels = batches[0]?.shape.at(-1) ?? 0;
  const sums = new Float64Array(channels);
  let places = 0;
  for (const { data } of batches) {
    for (let i = 0; i < data.length; i++) sums[i % channels] = (sums[i % channels] as number) + Number(data[i]);
    places += data.length / channels;
  }
  return sums.map((sum) => (sum / places - zeroPoint) * scale);
}

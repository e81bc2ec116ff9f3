import type { GraphNode, Initializer } from "../graph.js";
import type { ActivationRange } from "./activation-range.js";
import type { Links } from "./plan-quantization.js";
import { type QuantizedKernel, quantizeKernel } from "./quantize-weights.js";

/** A value = (integer - zeroPoint) * scale, with integers from 0 to 255. */
export interface QuantizationParameters {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** Greatest bias in units of the sums of products: half of an int32, whose other half is for the sum. */
const greatestBias = 2 ** 30;

/** Finds a rounded tensor's parameters. */
export interface TensorParameters {
  (tensor: string): QuantizationParameters;
  /** The same, and of tensors that were bytes before; undefined for those that are in float. */
  known(tensor: string): QuantizationParameters | undefined;
}

/** Parameters of all rounded tensors: by their ranges, and where integers go on as they are, those of where they go or come from. */
export function tensorParameters(
  ranges: ReadonlyMap<string, ActivationRange>,
  rounded: ReadonlySet<string>,
  joined: ReadonlySet<GraphNode>,
  { producers, consumers }: Links,
  constants: ReadonlyMap<string, Initializer>,
): TensorParameters {
  const find = (tensor: string): QuantizationParameters => {
    const [only] = consumers.get(tensor) ?? [];
    if (only !== undefined && joined.has(only)) return find(only.outputs[0] as string);
    // The greatest of rounded values is one of them: the range of what goes in.
    const producer = producers.get(tensor);
    const [source = ""] = producer?.operator === "MaxPool" ? producer.inputs : [];
    if (rounded.has(source)) return find(source);
    const { least, greatest } = ranges.get(tensor) as ActivationRange;
    const scale = Math.fround((greatest - least) / 255) || 1;
    return { scale, zeroPoint: Math.max(0, Math.min(255, Math.round(-least / scale))) };
  };
  const known = (tensor: string): QuantizationParameters | undefined => {
    if (rounded.has(tensor)) return find(tensor);
    const producer = producers.get(tensor);
    if (producer?.operator !== "DequantizeLinear") return undefined;
    const [scale, zeroPoint] = producer.inputs.slice(1).map((name) => Number(constants.get(name)?.data[0]));
    return { scale: scale as number, zeroPoint: zeroPoint as number };
  };
  return Object.assign(find, { known });
}

/**
 * A kernel and its bias in integers.
 *
 * @param axis where the filters are, as the kernel lies in memory
 * @param scale of what the kernel is multiplied with
 * @returns undefined if a value is not finite
 */
export function kernelParameters(
  kernel: Initializer & { readonly data: Float32Array },
  axis: number,
  bias: Initializer["data"] | undefined,
  scale: number,
): (QuantizedKernel & { readonly biases: Int32Array | undefined }) | undefined {
  // Of a filter of next to nothing the bias would be more units than an int32 holds: it gets larger units.
  const leastScale = (filter: number) => Math.abs(Number(bias?.[filter] ?? 0)) / (greatestBias * scale);
  const quantized = quantizeKernel(kernel, axis, leastScale);
  if (quantized === undefined) return undefined;
  const unit = (filter: number) => (quantized.scales[filter] as number) * scale;
  const biases =
    bias instanceof Float32Array ? Int32Array.from(bias, (value, i) => Math.round(value / unit(i))) : undefined;
  return { ...quantized, biases };
}

import type { GraphNode, Initializer, OnnxGraph } from "../graph.js";
import type { ActivationRange } from "./activation-range.js";
import { type Constants, integerNodes, type Links, linksOf, roundedTensors, sigmoids } from "./plan-quantization.js";
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

/** Which tensors of a graph are rounded, and how. */
export interface QuantizationLayout {
  readonly links: Links;
  readonly constants: Constants;
  /** The nodes that are computed in integers. */
  readonly integer: ReadonlySet<GraphNode>;
  readonly rounded: ReadonlySet<string>;
  /** Concatenations of integers as they are. */
  readonly joined: ReadonlySet<GraphNode>;
  readonly parameters: TensorParameters;
}

/**
 * Settles which tensors are rounded, and how.
 *
 * @param ranges of tensors; one without stays in float
 * @param inFloat outputs of the nodes with a kernel that stay in float
 */
export function layOut(
  graph: OnnxGraph,
  ranges: ReadonlyMap<string, ActivationRange>,
  inFloat: ReadonlySet<string>,
): QuantizationLayout {
  const links = linksOf(graph);
  const constants = new Map(graph.initializers.map((initializer) => [initializer.name, initializer]));
  const integer = integerNodes(graph, links, constants, inFloat);
  const rounded = roundedTensors(integer, links, constants, ranges);
  const joined = joinedConcats(graph, links, rounded);
  const parameters = tensorParameters(ranges, rounded, joined, links, constants);
  return { links, constants, integer, rounded, joined, parameters };
}

/**
 * Concatenations of values that nobody else looks at, all rounded: with one scale for all of them there is nothing left to
 * compute. What comes out of a maximum has the scale of what went in, and cannot take another one.
 */
function joinedConcats(graph: OnnxGraph, links: Links, rounded: ReadonlySet<string>): ReadonlySet<GraphNode> {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  return new Set(
    graph.nodes.filter(
      ({ operator, inputs, outputs: [output = ""] }) =>
        operator === "Concat" &&
        rounded.has(output) &&
        new Set(inputs).size === inputs.length &&
        inputs.every(
          (input) =>
            rounded.has(input) &&
            !outputs.has(input) &&
            links.consumers.get(input)?.length === 1 &&
            links.producers.get(input)?.operator !== "MaxPool",
        ),
    ),
  );
}

/** Parameters of all rounded tensors: by their ranges, and where integers go on as they are, those of where they go or come from. */
function tensorParameters(
  ranges: ReadonlyMap<string, ActivationRange>,
  rounded: ReadonlySet<string>,
  joined: ReadonlySet<GraphNode>,
  links: Links,
  constants: Constants,
): TensorParameters {
  const { producers, consumers } = links;
  const find = (tensor: string): QuantizationParameters => {
    const [only] = consumers.get(tensor) ?? [];
    if (only !== undefined && joined.has(only)) return find(only.outputs[0] as string);
    // The greatest of rounded values is one of them: the range of what goes in.
    const producer = producers.get(tensor);
    const [source = ""] = producer?.operator === "MaxPool" ? producer.inputs : [];
    if (rounded.has(source)) return find(source);
    if (producer !== undefined && sigmoids.includes(producer.operator))
      return { scale: Math.fround(1 / 255), zeroPoint: 0 };
    const range = ranges.get(tensor) as ActivationRange;
    const least = Math.max(range.least, leastOfSwish(tensor, links));
    const { greatest } = range;
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

/** Below this, x * sigmoid(x) is 0 but for three thousandths. */
const leastOfSigmoid = -8;

/** What lies below this, swish makes 0 of; minus infinity of a tensor that anything else looks at. */
function leastOfSwish(tensor: string, { consumers }: Links): number {
  const all = consumers.get(tensor) ?? [];
  const sigmoid = all.find(({ operator }) => sigmoids.includes(operator));
  const product = all.find(({ operator }) => operator === "Mul");
  const isSwish = all.length === 2 && sigmoid !== undefined && product?.inputs.includes(sigmoid.outputs[0] as string);
  if (!isSwish) return Number.NEGATIVE_INFINITY;
  return sigmoid.operator === "HardSigmoid" ? -hardSigmoidOf(sigmoid).offset : leastOfSigmoid;
}

/** A hard sigmoid as clip(x + offset, 0, width) / width. */
export function hardSigmoidOf({ attributes: { alpha, beta } }: GraphNode): {
  readonly offset: number;
  readonly width: number;
} {
  // ONNX's defaults.
  const factor = alpha !== undefined && "float" in alpha ? alpha.float : 0.2;
  const shift = beta !== undefined && "float" in beta ? beta.float : 0.5;
  return { offset: shift / factor, width: 1 / factor };
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

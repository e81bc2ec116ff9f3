import type { GraphNode, Initializer, OnnxGraph } from "../graph.js";
import { type RewriteContext, type Rewriting, rewriteGraph } from "../rewrite-graph.js";

/** Pixels that are taken together: whatever a pixel has, four of them are as many bytes as processors add up products of at once. */
const group = 4;

/**
 * The same graph of integers with a convolution of the picture's bytes taking pixels four by four. The three channels of one
 * pixel fill no vector; in a row of the picture four pixels lie side by side, and are without moving a byte one place of
 * twelve channels. There the convolution has its filters once for each result that begins in a place, with the same kernels,
 * each further to the right and with zeros around. Results lie in the order in which they did, and sums are of the same
 * products, so that the bits are the same.
 *
 * @param graph as `quantizeGraph` makes it
 */
export function groupPixels(graph: OnnxGraph): OnnxGraph {
  const [picture, ...others] = graph.inputs;
  const width = picture?.elementType === "uint8" ? picture.shape?.[2] : undefined;
  if (picture === undefined || others.length > 0 || typeof width !== "number") return graph;
  return rewriteGraph(graph, (node, context) => {
    const found = node.operator === "QuantizeLinear" ? findConvolution(node, picture.name, context) : undefined;
    const geometry = found && geometryOf(found.convolution, width, found.kernel);
    return found && geometry && grouped(node, found, geometry, context);
  });
}

/** A convolution of bytes, with what is behind it and in front of it. */
interface PixelConvolution {
  readonly convolution: GraphNode;
  readonly activation: GraphNode | undefined;
  /** Makes values of the bytes, of the kernel and of the bias. */
  readonly dequantized: readonly [pixels: GraphNode, kernel: GraphNode, bias: GraphNode];
  /** In the order of Keras: height, width, channels, filters. */
  readonly kernel: Initializer & { readonly data: Int8Array };
}

function findConvolution(
  rounding: GraphNode,
  picture: string,
  { constants, producers, ownProducer }: RewriteContext,
): PixelConvolution | undefined {
  const [end] = rounding.inputs;
  const activation = ownProducer(end, "Relu") ?? ownProducer(end, "Clip");
  const convolution = ownProducer(activation?.inputs[0] ?? end, "Conv");
  const [pixels, weights, bias] = convolution?.inputs.map((input) => ownProducer(input, "DequantizeLinear")) ?? [];
  if (convolution === undefined || !pixels || !weights || !bias) return undefined;
  if (producers.get(pixels.inputs[0] ?? "")?.inputs[0] !== picture) return undefined;
  const kernel = constants.get(weights.inputs[0] ?? "");
  if (!(kernel?.data instanceof Int8Array) || kernel.permutation?.join() !== "3,2,0,1") return undefined;
  return { convolution, activation, dequantized: [pixels, weights, bias], kernel: { ...kernel, data: kernel.data } };
}

/** How many of what there are in a row. */
interface Geometry {
  /** Results that begin in a place of four pixels. */
  readonly results: number;
  /** Places that a window covers. */
  readonly window: number;
  /** Pixels that are added on the left and on the right. */
  readonly left: number;
  readonly right: number;
  /** Pixels then, results that are wanted, and results that come out. */
  readonly pixels: number;
  readonly wanted: number;
  readonly made: number;
  readonly attributes: GraphNode["attributes"];
}

/** @returns undefined where four pixels are not a whole number of results */
function geometryOf({ attributes }: GraphNode, width: number, { shape }: Initializer): Geometry | undefined {
  const ints = (name: string) => {
    const attribute = attributes[name];
    return attribute !== undefined && "ints" in attribute ? attribute.ints : undefined;
  };
  const [strideDown = 1, stride = 1] = ints("strides") ?? [];
  const [top = 0, left = 0, bottom = 0, right = 0] = ints("pads") ?? [];
  const { auto_pad: automatic, dilations: _, ...others } = attributes;
  if (automatic !== undefined && !("string" in automatic && automatic.string === "VALID")) return undefined;
  if (group % stride !== 0 || ints("dilations")?.some((dilation) => dilation !== 1)) return undefined;
  const [high = 0, wide = 0] = shape;
  const results = group / stride;
  const wanted = Math.floor((left + width + right - wide) / stride) + 1;
  const places = Math.ceil(wanted / results);
  const window = Math.ceil(((results - 1) * stride + wide) / group);
  const pixels = (places + window - 1) * group;
  if (pixels < left + width) return undefined;
  return {
    ...{ results, window, left, right: pixels - left - width, pixels, wanted, made: places * results },
    attributes: {
      ...others,
      kernel_shape: { ints: [high, window] },
      strides: { ints: [strideDown, 1] },
      pads: { ints: [top, 0, bottom, 0] },
    },
  };
}

/** The filters of each result: where it begins in a place, its kernel does. */
function groupedKernel(
  { data, shape }: PixelConvolution["kernel"],
  { results, window }: Geometry,
): { readonly shape: readonly number[]; readonly data: Int8Array } {
  const [high, wide, channels, filters] = shape as readonly [number, number, number, number];
  const [values, all] = [wide * channels, window * group * channels];
  const moved = new Int8Array(high * all * results * filters);
  for (let row = 0; row < high; row++) {
    for (let result = 0; result < results; result++) {
      const first = (result * group * channels) / results;
      for (let i = 0; i < values; i++) {
        const from = (row * values + i) * filters;
        moved.set(data.subarray(from, from + filters), (row * all + first + i) * results * filters + result * filters);
      }
    }
  }
  return { shape: [high, window, group * channels, results * filters], data: moved };
}

function grouped(
  rounding: GraphNode,
  { activation, dequantized: [pixels, weights, bias], kernel }: PixelConvolution,
  geometry: Geometry,
  { constants, producers }: RewriteContext,
): Rewriting {
  const [channels = 0, filters = 0] = kernel.shape.slice(2);
  const [output = ""] = rounding.outputs;
  const initializers: Initializer[] = [];
  const constant = (what: string, values: Omit<Initializer, "name">): string => {
    initializers.push({ name: `${output}/${what}`, ...values });
    return `${output}/${what}`;
  };
  const integers = (what: string, values: readonly number[]) =>
    constant(what, { shape: [values.length], data: BigInt64Array.from(values, BigInt) });
  /** What each filter has, for the filters of every result. */
  const repeated = (name: string): string => {
    const { data } = constants.get(name) as Initializer;
    const all = Array.from({ length: geometry.results }, () => Array.from(data, Number)).flat();
    const kind = data.constructor as Int32ArrayConstructor;
    return constant(`of_groups/${name}`, { shape: [all.length], data: kind.from(all) });
  };
  const nodes: GraphNode[] = [];
  const add = (operator: string, inputs: readonly string[], what: string, attributes: GraphNode["attributes"] = {}) => {
    nodes.push({ operator, inputs, outputs: [`${output}/${what}`], attributes });
    return `${output}/${what}`;
  };

  const transposition = producers.get(pixels.inputs[0] as string) as GraphNode;
  let tensor = transposition.inputs[0] as string;
  const { left, right } = geometry;
  if (left > 0 || right > 0) {
    const places = integers("pads", [0, 0, left, 0, 0, 0, right, 0]);
    tensor = add("Pad", [tensor, places, pixels.inputs[2] as string], "padded");
  }
  const row = [0, 0, geometry.pixels / group, group * channels];
  tensor = add("Reshape", [tensor, integers("places_shape", row)], "places");
  tensor = add("Transpose", [tensor], "places_first", transposition.attributes);
  tensor = add("DequantizeLinear", [tensor, ...pixels.inputs.slice(1)], "pixels");
  const moved = constant("kernel", { ...groupedKernel(kernel, geometry), permutation: [3, 2, 0, 1] });
  const values = [
    add("DequantizeLinear", [moved, ...weights.inputs.slice(1).map(repeated)], "kernel/rounded", weights.attributes),
    add("DequantizeLinear", bias.inputs.map(repeated), "bias/rounded", bias.attributes),
  ];
  tensor = add("Conv", [tensor, ...values], "sums", geometry.attributes);
  if (activation) tensor = add(activation.operator, [tensor, ...activation.inputs.slice(1)], "active");
  tensor = add("QuantizeLinear", [tensor, ...rounding.inputs.slice(1)], "results");
  tensor = add("Transpose", [tensor], "results_last", { perm: { ints: [0, 2, 3, 1] } });
  tensor = add("Reshape", [tensor, integers("row_shape", [0, 0, geometry.made, filters])], "row");
  if (geometry.made !== geometry.wanted) {
    const bounds = [integers("start", [0]), integers("end", [geometry.wanted]), integers("axis", [2])];
    tensor = add("Slice", [tensor, ...bounds], "cut");
  }
  nodes.push({ ...transposition, inputs: [tensor], outputs: [output] });
  return { nodes, initializers };
}

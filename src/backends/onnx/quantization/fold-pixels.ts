import { countUses } from "../count-uses.js";
import type { GraphNode, Initializer, OnnxGraph } from "../graph.js";
import { isToChannelsFirst } from "../simplify-graph.js";

/** What is done to a pixel before the first convolution: value of channel c = pixel of channel order[c] * scale + offset. */
interface Preparation {
  /** The graph's input. */
  readonly picture: string;
  readonly nodes: ReadonlySet<GraphNode>;
  readonly order: readonly number[];
  readonly scale: readonly number[];
  readonly offset: readonly number[];
}

/** Levels of 256 by which the value beyond the picture's border may differ from the one that the network pads with. */
const greatestBorderError = 16;

/**
 * The same graph with the preparation of pixels made a part of the first convolution, which then takes the bytes of the
 * picture as they are: a kernel with its channels in the pixels' order, multiplied by their scales, and a bias with what
 * the offsets add up to. Nothing is rounded, as a byte is an 8-bit integer already.
 *
 * Where the convolution pads, it pads with one byte for all channels: the one next to what prepares to zero. For the
 * means of ImageNet, 103.9 to 123.7, it is 115.
 */
export function foldPixels(graph: OnnxGraph): OnnxGraph {
  const constants = new Map(graph.initializers.map((initializer) => [initializer.name, initializer]));
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const uses = countUses(graph);
  for (const node of graph.nodes) {
    if (node.operator !== "Conv") continue;
    const kernel = constants.get(node.inputs[1] ?? "");
    const bias = node.inputs[2] === undefined ? undefined : constants.get(node.inputs[2]);
    if (!(kernel?.data instanceof Float32Array) || (bias !== undefined && !(bias.data instanceof Float32Array)))
      continue;
    const preparation = preparationOf(node.inputs[0] ?? "", graph, producers, constants, uses);
    if (preparation === undefined || channelsOf(kernel) !== preparation.order.length) continue;
    const zeroPoint = Math.max(0, Math.min(255, Math.round(mean(zerosOf(preparation)))));
    const error = Math.max(...zerosOf(preparation).map((zero) => Math.abs(zero - zeroPoint)));
    if (pads(node) && !(error <= greatestBorderError)) continue;
    return withPixels(graph, node, kernel, bias?.data as Float32Array | undefined, preparation, zeroPoint);
  }
  return graph;
}

/** Per channel, the pixel that prepares to zero. */
function zerosOf({ scale, offset }: Preparation): readonly number[] {
  return scale.map((factor, c) => -(offset[c] as number) / factor);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function pads({ attributes: { pads, auto_pad: automatic } }: GraphNode): boolean {
  if (automatic !== undefined) return !("string" in automatic && automatic.string === "VALID");
  return pads !== undefined && "ints" in pads && pads.ints.some((size) => size !== 0);
}

/** Goes back from the convolution to the picture; undefined where something else stands between. */
function preparationOf(
  tensor: string,
  graph: OnnxGraph,
  producers: ReadonlyMap<string, GraphNode>,
  constants: ReadonlyMap<string, Initializer>,
  uses: ReadonlyMap<string, number>,
): Preparation | undefined {
  const channels = graph.inputs[0]?.shape?.at(-1) ?? 0;
  const nodes = new Set<GraphNode>();
  let order = Array.from({ length: channels }, (_, c) => c);
  let scale = order.map(() => 1);
  let offset = order.map(() => 0);
  // As the convolution takes them; before the transposition channels are last.
  let channelAxis = 1;
  for (let at = tensor; ; ) {
    const node = producers.get(at);
    if (node === undefined || uses.get(at) !== 1) return undefined;
    nodes.add(node);
    const [input = "", other = ""] = node.inputs;
    if (node.operator === "Transpose") {
      if (channelAxis !== 1 || !isToChannelsFirst(node)) return undefined;
      channelAxis = 3;
    } else if (node.operator === "Cast") {
      // Only bytes become floats.
    } else if (node.operator === "Gather") {
      const places = constants.get(other)?.data;
      const { axis } = node.attributes;
      if (!(places instanceof BigInt64Array) || places.length !== channels) return undefined;
      if (axis === undefined || !("int" in axis) || axis.int !== channelAxis) return undefined;
      // What comes behind was of the gathered channels.
      order = order.map((c) => Number(places[c]));
    } else {
      const values = channelValues(constants.get(other), channels, channelAxis);
      if (values === undefined) return undefined;
      const each = (c: number) => values[order[c] as number] as number;
      if (node.operator === "Mul") [scale, offset] = [scale.map((factor, c) => factor * each(c)), offset];
      else if (node.operator === "Div") [scale, offset] = [scale.map((factor, c) => factor / each(c)), offset];
      else if (node.operator === "Add") offset = offset.map((sum, c) => sum + each(c) * (scale[c] as number));
      else if (node.operator === "Sub") offset = offset.map((sum, c) => sum - each(c) * (scale[c] as number));
      else return undefined;
    }
    const picture = graph.inputs.find(({ name }) => name === input);
    if (picture !== undefined) {
      const usable = scale.every((factor) => Number.isFinite(factor) && factor !== 0) && offset.every(Number.isFinite);
      if (picture.elementType !== "uint8" || channelAxis !== 3 || !usable || channels === 0) return undefined;
      return { picture: input, nodes, order, scale, offset };
    }
    at = input;
  }
}

/** A constant's value for each channel of a picture, whose channels are at this axis. */
function channelValues(
  constant: Initializer | undefined,
  channels: number,
  channelAxis: number,
): readonly number[] | undefined {
  if (!(constant?.data instanceof Float32Array)) return undefined;
  const { data, shape, permutation } = constant;
  if (data.length === 1) return new Array<number>(channels).fill(data[0] as number);
  const axes = permutation?.map((axis) => shape[axis]) ?? shape;
  return data.length === channels && axes.at(channelAxis - 4) === channels ? Array.from(data) : undefined;
}

/** Where a kernel has its input channels, as it lies in memory. */
function channelAxis({ permutation }: Initializer): number {
  return permutation?.[1] ?? 1;
}

function channelsOf(kernel: Initializer): number | undefined {
  return kernel.shape[channelAxis(kernel)];
}

function withPixels(
  graph: OnnxGraph,
  node: GraphNode,
  kernel: Initializer,
  bias: Float32Array | undefined,
  { picture, nodes, order, scale, offset }: Preparation,
  zeroPoint: number,
): OnnxGraph {
  const strideOf = (axis: number) => kernel.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const filterAxis = kernel.permutation?.[0] ?? 0;
  const filters = kernel.shape[filterAxis] as number;
  const [filterStride, channelStride] = [strideOf(filterAxis), strideOf(channelAxis(kernel))];
  const data = new Float32Array(kernel.data.length);
  const sums = Float64Array.from({ length: filters }, (_, filter) => bias?.[filter] ?? 0);
  for (let i = 0; i < data.length; i++) {
    const channel = Math.floor(i / channelStride) % order.length;
    const filter = Math.floor(i / filterStride) % filters;
    const [weight, factor] = [Number(kernel.data[i]), scale[channel] as number];
    data[i + ((order[channel] as number) - channel) * channelStride] = weight * factor;
    sums[filter] = (sums[filter] as number) + weight * (factor * zeroPoint + (offset[channel] as number));
  }
  const [output = ""] = node.outputs;
  const name = (what: string) => `${output}/pixels/${what}`;
  const added: readonly Initializer[] = [
    { ...kernel, name: name("kernel"), data },
    { name: name("bias"), shape: [filters], data: Float32Array.from(sums) },
    { name: name("scale"), shape: [], data: Float32Array.of(1) },
    { name: name("zero_point"), shape: [], data: Uint8Array.of(zeroPoint) },
  ];
  const transposition: GraphNode = {
    operator: "Transpose",
    inputs: [picture],
    outputs: [name("bytes")],
    attributes: { perm: { ints: [0, 3, 1, 2] } },
  };
  const bytes: GraphNode = {
    operator: "DequantizeLinear",
    inputs: [name("bytes"), name("scale"), name("zero_point")],
    outputs: [name("value")],
    attributes: {},
  };
  const convolution = { ...node, inputs: [name("value"), name("kernel"), name("bias")] };
  const changed = graph.nodes.flatMap((each) => {
    if (each === node) return [transposition, bytes, convolution];
    return nodes.has(each) ? [] : [each];
  });
  const used = new Set(changed.flatMap(({ inputs }) => inputs));
  return {
    ...graph,
    nodes: changed,
    initializers: [...graph.initializers, ...added].filter((one) => used.has(one.name)),
  };
}

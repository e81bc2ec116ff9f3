import { countUses } from "../count-uses.js";
import type { GraphNode, Initializer, OnnxGraph } from "../graph.js";
import { simplifyGraph } from "../simplify-graph.js";

/**
 * The same graph with what stands around a convolution made a part of it: zeros padded before it, and a batch
 * normalisation behind it, whose factors go into the kernel and whose shifts go into the bias. Both only where nothing
 * else looks at the value between. A maximum over windows takes in the zeros before it too, where no value is less.
 */
export function foldIntoConvolutions(given: OnnxGraph): OnnxGraph {
  const graph = simplifyGraph(given);
  const initializers = new Map(graph.initializers.map((initializer) => [initializer.name, initializer]));
  const uses = countUses(graph);
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const gone = new Set<GraphNode>();
  const replaced = new Map<GraphNode, GraphNode>();

  for (const node of graph.nodes) {
    const padding = producers.get(node.inputs[0] ?? "");
    if (padding?.operator !== "Pad" || uses.get(node.inputs[0] ?? "") !== 1) continue;
    const takesZeros = node.operator === "MaxPool" && producers.get(padding.inputs[0] ?? "")?.operator === "Relu";
    if (node.operator !== "Conv" && !takesZeros) continue;
    const padded = withPadding(node, padding, initializers);
    if (padded === undefined) continue;
    gone.add(padding);
    replaced.set(node, padded);
  }
  for (const node of graph.nodes) {
    const [between = "", ...statistics] = node.inputs;
    const before = producers.get(between);
    if (node.operator !== "BatchNormalization" || before?.operator !== "Conv" || uses.get(between) !== 1) continue;
    const convolution = replaced.get(before) ?? before;
    const values = statistics.map((name) => initializers.get(name)?.data);
    if (!values.every((data): data is Float32Array => data instanceof Float32Array)) continue;
    const folded = withFactors(convolution, node, values, initializers);
    if (folded === undefined) continue;
    for (const initializer of folded.initializers) initializers.set(initializer.name, initializer);
    replaced.set(before, folded.node);
    gone.add(node);
  }

  const nodes = graph.nodes.filter((node) => !gone.has(node)).map((node) => replaced.get(node) ?? node);
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  return { ...graph, nodes, initializers: [...initializers.values()].filter(({ name }) => used.has(name)) };
}

function withPadding(
  node: GraphNode,
  padding: GraphNode,
  initializers: ReadonlyMap<string, Initializer>,
): GraphNode | undefined {
  const [input = "", pads = ""] = padding.inputs;
  const places = initializers.get(pads)?.data;
  const { pads: own, auto_pad: automatic, ...others } = node.attributes;
  if (!(places instanceof BigInt64Array) || places.length !== 8 || padding.inputs.length !== 2) return undefined;
  if (automatic !== undefined && !("string" in automatic && automatic.string === "VALID")) return undefined;
  if (own !== undefined && !("ints" in own)) return undefined;
  const [batch, channels, top, left, batchAfter, channelsAfter, bottom, right] = Array.from(places, Number);
  if (batch || channels || batchAfter || channelsAfter) return undefined;
  const ints = [top, left, bottom, right].map((size, i) => (size as number) + (own?.ints[i] ?? 0));
  if (ints.some((size) => size < 0)) return undefined;
  return {
    ...node,
    inputs: [input, ...node.inputs.slice(1)],
    attributes: { ...others, pads: { ints } },
  };
}

function withFactors(
  node: GraphNode,
  normalization: GraphNode,
  [gamma, beta, mean, variance]: readonly Float32Array[],
  initializers: ReadonlyMap<string, Initializer>,
): { readonly node: GraphNode; readonly initializers: readonly Initializer[] } | undefined {
  const [input = "", kernelName = "", biasName] = node.inputs;
  const kernel = initializers.get(kernelName);
  const bias = biasName === undefined ? undefined : initializers.get(biasName)?.data;
  const epsilon = normalization.attributes.epsilon;
  if (!(kernel?.data instanceof Float32Array) || epsilon === undefined || !("float" in epsilon)) return undefined;
  if (!gamma || !beta || !mean || !variance || (biasName !== undefined && !(bias instanceof Float32Array))) {
    return undefined;
  }
  const factors = Float64Array.from(gamma, (scale, c) => scale / Math.sqrt((variance[c] as number) + epsilon.float));
  const shifts = Float32Array.from(
    factors,
    (factor, c) => (Number(bias?.[c] ?? 0) - (mean[c] as number)) * factor + (beta[c] as number),
  );
  const { axis, stride } = filterAxis(kernel);
  const filters = kernel.shape[axis] as number;
  const data = kernel.data.map((value, i) => value * (factors[Math.floor(i / stride) % filters] as number));
  const [output = ""] = normalization.outputs;
  const folded = { ...kernel, name: `${output}/kernel`, data };
  const shifted: Initializer = { name: `${output}/bias`, shape: [filters], data: shifts };
  return {
    node: { ...node, inputs: [input, folded.name, shifted.name], outputs: [output] },
    initializers: [folded, shifted],
  };
}

/** Where a convolution's kernel has its filters, as it lies in memory: which axis, and how far from one to the next. */
export function filterAxis({ shape, permutation }: Initializer): { readonly axis: number; readonly stride: number } {
  const axis = permutation?.[0] ?? 0;
  return { axis, stride: shape.slice(axis + 1).reduce((product, size) => product * size, 1) };
}

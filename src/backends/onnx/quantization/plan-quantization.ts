import type { GraphNode, Initializer, OnnxGraph } from "../graph.js";
import type { ActivationRange } from "./activation-range.js";

/** Operators whose kernels become integers. */
export const withKernel: readonly string[] = ["Conv", "Gemm"];
/** Operators that ONNX Runtime computes in integers where what goes in and comes out is integers. */
const withoutKernel: readonly string[] = ["Add", "Concat", "MaxPool", "AveragePool", "GlobalAveragePool"];
/** Operators whose values lie from 0 to 1. As factors of others, in swish and in squeeze-and-excite, they become integers. */
export const sigmoids: readonly string[] = ["Sigmoid", "HardSigmoid"];
/** Operators that a quantisation right behind them takes in. */
const absorbed: readonly string[] = ["Relu", "Clip"];

/** Tensors of a float graph that become 8-bit integers, and the nodes that then compute with them. */
export interface QuantizationPlan {
  /** Nodes with a kernel, by the name of their output. */
  readonly kernels: readonly string[];
  /** Tensors whose ranges have to be known. */
  readonly tensors: readonly string[];
}

/** Constants of a graph by name. */
export type Constants = ReadonlyMap<string, Initializer>;

/** What of a graph can be computed in integers. */
export function planQuantization(graph: OnnxGraph): QuantizationPlan {
  const links = linksOf(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const constants = new Map(graph.initializers.map((initializer) => [initializer.name, initializer]));
  const integer = integerNodes(graph, links, constants);
  const tensors = new Set<string>();
  const kernels: string[] = [];
  for (const node of integer) {
    if (withKernel.includes(node.operator)) kernels.push(node.outputs[0] as string);
    for (const input of activationsOf(node, constants)) tensors.add(input);
    const end = endOf(node, links);
    // Where nobody computes with it in integers, rounding would be for nothing.
    const goesOn = (links.consumers.get(end) ?? []).some((consumer) => integer.has(consumer));
    if (!outputs.has(end) && (goesOn || withKernel.includes(node.operator))) tensors.add(end);
  }
  for (const { name, elementType } of graph.inputs) if (elementType !== "float32") tensors.delete(name);
  for (const { operator, outputs: made } of graph.nodes) {
    // Bytes have been integers all the time, and what a sigmoid makes lies from 0 to 1.
    if (operator === "DequantizeLinear" || sigmoids.includes(operator)) for (const name of made) tensors.delete(name);
  }
  return { kernels, tensors: [...tensors] };
}

/** Which nodes make a tensor, and which take it. */
export interface Links {
  readonly producers: ReadonlyMap<string, GraphNode>;
  readonly consumers: ReadonlyMap<string, readonly GraphNode[]>;
}

/** Looks up who makes and who takes each tensor. */
export function linksOf(graph: OnnxGraph): Links {
  const producers = new Map<string, GraphNode>();
  const consumers = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) {
    for (const output of node.outputs) producers.set(output, node);
    for (const input of node.inputs) consumers.set(input, [...(consumers.get(input) ?? []), node]);
  }
  return { producers, consumers };
}

/** The tensor that carries a node's result on: behind an activation that a quantisation takes in. */
function endOf(node: GraphNode, { consumers }: Links): string {
  const [output = ""] = node.outputs;
  const [only, ...more] = consumers.get(output) ?? [];
  return only && more.length === 0 && absorbed.includes(only.operator) ? (only.outputs[0] as string) : output;
}

/** Those of a node's inputs that are values of the network. */
export function activationsOf(node: GraphNode, constants: Constants): readonly string[] {
  if (withKernel.includes(node.operator)) return node.inputs.slice(0, 1);
  return node.inputs.filter((name) => !constants.has(name));
}

/** Whether a node has a kernel that can be integers. */
export function hasKernel({ operator, inputs }: GraphNode, constants: Constants): boolean {
  return withKernel.includes(operator) && constants.get(inputs[1] ?? "")?.data instanceof Float32Array;
}

/** What a product with a sigmoid multiplies with it; undefined of other nodes. */
function gatedValue({ operator, inputs }: GraphNode, { producers }: Links): string | undefined {
  const isGate = (tensor: string) => sigmoids.includes(producers.get(tensor)?.operator ?? "");
  if (operator !== "Mul" || !inputs.some(isGate)) return undefined;
  return inputs.find((tensor) => !isGate(tensor)) ?? inputs[0];
}

/**
 * The nodes that are computed in integers, in their order. Those of an activation follow the node that they belong to: where
 * that stays in float, they do.
 *
 * @param inFloat outputs of the nodes with a kernel that stay in float
 */
export function integerNodes(
  graph: OnnxGraph,
  links: Links,
  constants: Constants,
  inFloat: ReadonlySet<string> = new Set(),
): ReadonlySet<GraphNode> {
  const integer = new Set<GraphNode>();
  const comesFromIntegers = (tensor: string): boolean => {
    const producer = links.producers.get(tensor);
    if (producer === undefined) return false;
    return absorbed.includes(producer.operator)
      ? comesFromIntegers(producer.inputs[0] as string)
      : integer.has(producer);
  };
  for (const node of graph.nodes) {
    const { operator, inputs, outputs } = node;
    const consumers = links.consumers.get(outputs[0] ?? "") ?? [];
    const gated = gatedValue(node, links);
    const isInteger = sigmoids.includes(operator)
      ? consumers.length > 0 &&
        consumers.every((consumer) => gatedValue(consumer, links) !== undefined) &&
        comesFromIntegers(inputs[0] as string)
      : gated !== undefined
        ? comesFromIntegers(gated) && inputs.every((name) => !constants.has(name))
        : // A sum with a constant is a shift of values, not two of the network's.
          hasKernel(node, constants) ||
          (withoutKernel.includes(operator) && inputs.every((name) => !constants.has(name)));
    if (isInteger && !inFloat.has(outputs[0] ?? "")) integer.add(node);
  }
  return integer;
}

/** Tensors that are rounded: those with a range which come out of, or go into, something computed in integers. */
export function roundedTensors(
  integer: ReadonlySet<GraphNode>,
  links: Links,
  constants: Constants,
  ranges: ReadonlyMap<string, ActivationRange>,
): ReadonlySet<string> {
  const rounded = new Set<string>();
  for (const node of integer) {
    for (const tensor of [...activationsOf(node, constants), endOf(node, links)]) {
      if (ranges.has(tensor) || sigmoids.includes(links.producers.get(tensor)?.operator ?? "")) rounded.add(tensor);
    }
  }
  return rounded;
}

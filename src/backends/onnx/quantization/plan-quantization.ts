import type { GraphNode, Initializer, OnnxGraph } from "../graph.js";
import type { ActivationRange } from "./activation-range.js";

/** Operators whose kernels become integers. */
export const withKernel: readonly string[] = ["Conv", "Gemm"];
/** Operators that ONNX Runtime computes in integers where what goes in and comes out is integers. */
const withoutKernel: readonly string[] = ["Add", "Concat", "MaxPool", "AveragePool", "GlobalAveragePool"];
/** Operators that a quantisation right behind them takes in. */
const absorbed: readonly string[] = ["Relu", "Clip"];

/** Tensors of a float graph that become 8-bit integers, and the nodes that then compute with them. */
export interface QuantizationPlan {
  /** Nodes with a kernel, by the name of their output. */
  readonly kernels: readonly string[];
  /** Tensors whose ranges have to be known. */
  readonly tensors: readonly string[];
}

/** What of a graph can be computed in integers. */
export function planQuantization(graph: OnnxGraph): QuantizationPlan {
  const links = linksOf(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const constants = new Map(graph.initializers.map((initializer) => [initializer.name, initializer]));
  const tensors = new Set<string>();
  const kernels: string[] = [];
  for (const node of graph.nodes) {
    if (!isQuantizable(node, constants)) continue;
    if (withKernel.includes(node.operator)) kernels.push(node.outputs[0] as string);
    for (const input of activationsOf(node, constants)) tensors.add(input);
    const end = endOf(node, links);
    // Where nobody computes with it in integers, rounding would be for nothing.
    const goesOn = (links.consumers.get(end) ?? []).some((consumer) => isQuantizable(consumer, constants));
    if (!outputs.has(end) && (goesOn || withKernel.includes(node.operator))) tensors.add(end);
  }
  for (const { name, elementType } of graph.inputs) if (elementType !== "float32") tensors.delete(name);
  // Bytes have been integers all the time.
  for (const { operator, outputs: made } of graph.nodes) {
    if (operator === "DequantizeLinear") for (const name of made) tensors.delete(name);
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
export function activationsOf(node: GraphNode, constants: ReadonlyMap<string, Initializer>): readonly string[] {
  if (withKernel.includes(node.operator)) return node.inputs.slice(0, 1);
  return node.inputs.filter((name) => !constants.has(name));
}

/** Whether a node can be computed in integers. */
export function isQuantizable(node: GraphNode, constants: ReadonlyMap<string, Initializer>): boolean {
  if (withKernel.includes(node.operator)) return constants.get(node.inputs[1] ?? "")?.data instanceof Float32Array;
  // A sum with a constant is a shift of values, not two of the network's.
  return withoutKernel.includes(node.operator) && node.inputs.every((name) => !constants.has(name));
}

/** Tensors that are rounded: those with a range which come out of, or go into, something computed in integers. */
export function roundedTensors(
  graph: OnnxGraph,
  links: Links,
  constants: ReadonlyMap<string, Initializer>,
  ranges: ReadonlyMap<string, ActivationRange>,
  inFloat: ReadonlySet<string>,
): ReadonlySet<string> {
  const rounded = new Set<string>();
  for (const node of graph.nodes) {
    if (!isQuantizable(node, constants) || inFloat.has(node.outputs[0] ?? "")) continue;
    for (const tensor of [...activationsOf(node, constants), endOf(node, links)]) {
      if (ranges.has(tensor)) rounded.add(tensor);
    }
  }
  return rounded;
}

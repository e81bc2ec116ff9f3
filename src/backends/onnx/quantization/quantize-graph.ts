import type { GraphNode, Initializer, OnnxGraph } from "../graph.js";
import type { ActivationRange } from "./activation-range.js";
import { filterAxis } from "./fold-into-convolutions.js";
import { quantizeKernel } from "./quantize-weights.js";

/** Operators whose kernels become integers. */
const withKernel: readonly string[] = ["Conv", "Gemm"];
/** Operators that ONNX Runtime computes in integers where what goes in and comes out is integers. */
const withoutKernel: readonly string[] = ["Add", "Concat", "MaxPool", "AveragePool", "GlobalAveragePool"];
/** Operators that a quantisation right behind them takes in. */
const absorbed: readonly string[] = ["Relu", "Clip"];

/** Greatest bias in units of the sums of products: half of an int32, whose other half is for the sum. */
const greatestBias = 2 ** 30;

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
  return { kernels, tensors: [...tensors] };
}

/**
 * The graph with a pair of QuantizeLinear and DequantizeLinear behind every tensor that has a range, and kernels as
 * integers: the form from which ONNX Runtime makes integer operators.
 *
 * @param graph folded, with `planQuantization`'s tensors
 * @param ranges of the plan's tensors; one without stays in float
 * @param inFloat outputs of the nodes with a kernel that stay in float
 */
export function quantizeGraph(
  graph: OnnxGraph,
  ranges: ReadonlyMap<string, ActivationRange>,
  inFloat: ReadonlySet<string>,
): OnnxGraph {
  const links = linksOf(graph);
  const initializers = new Map(graph.initializers.map((initializer) => [initializer.name, initializer]));
  const constants = new Map(initializers);
  const rounded = roundedTensors(graph, links, constants, ranges, inFloat);
  const nodes: GraphNode[] = [];
  const added = new Map<string, Initializer>();
  const add = (initializer: Initializer): string => {
    added.set(initializer.name, initializer);
    return initializer.name;
  };

  const pairs = new Map<string, string>();
  function pair(tensor: string): string {
    const known = pairs.get(tensor);
    if (known) return known;
    const { scale, zeroPoint } = parametersOf(tensor);
    const parameters = [
      add({ name: `${tensor}/scale`, shape: [], data: Float32Array.of(scale) }),
      add({ name: `${tensor}/zero_point`, shape: [], data: Uint8Array.of(zeroPoint) }),
    ];
    const [integers, floats] = [`${tensor}/uint8`, `${tensor}/rounded`];
    nodes.push(
      { operator: "QuantizeLinear", inputs: [tensor, ...parameters], outputs: [integers], attributes: {} },
      { operator: "DequantizeLinear", inputs: [integers, ...parameters], outputs: [floats], attributes: {} },
    );
    pairs.set(tensor, floats);
    return floats;
  }

  function parametersOf(tensor: string): { readonly scale: number; readonly zeroPoint: number } {
    // The greatest of rounded values is one of them: the range of what goes in.
    const producer = links.producers.get(tensor);
    const source = producer?.operator === "MaxPool" ? (producer.inputs[0] as string) : tensor;
    if (source !== tensor && rounded.has(source)) return parametersOf(source);
    const { least, greatest } = ranges.get(tensor) as ActivationRange;
    const scale = Math.fround((greatest - least) / 255) || 1;
    return { scale, zeroPoint: Math.max(0, Math.min(255, Math.round(-least / scale))) };
  }

  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => (rounded.has(name) ? pair(name) : name));
    const [output = ""] = node.outputs;
    if (withKernel.includes(node.operator) && isQuantizable(node, constants) && !inFloat.has(output)) {
      const [activation = "", kernelName = "", biasName] = node.inputs;
      if (rounded.has(activation)) {
        const kernel = initializers.get(kernelName) as Initializer & { readonly data: Float32Array };
        const axis = node.operator === "Conv" ? filterAxis(kernel).axis : 1;
        const bias = biasName === undefined ? undefined : initializers.get(biasName)?.data;
        const { scale } = parametersOf(activation);
        // Of a filter of next to nothing the bias would be more units than an int32 holds: it gets larger units.
        const leastScale = (filter: number) => Math.abs(Number(bias?.[filter] ?? 0)) / (greatestBias * scale);
        const quantized = quantizeKernel({ ...kernel, name: output }, axis, leastScale);
        if (quantized) {
          inputs[1] = dequantized(quantized.integers, quantized.scales, node.operator === "Conv" ? 0 : 1);
          if (bias instanceof Float32Array) inputs[2] = dequantizedBias(output, bias, quantized.scales, scale);
        }
      }
    }
    if (withKernel.includes(node.operator) && inFloat.has(output) && inputs[0] !== node.inputs[0]) {
      inputs[0] = shielded(inputs[0] as string, output);
    }
    nodes.push({ ...node, inputs });
  }

  /**
   * ONNX Runtime (1.20 and later) quantises float kernels behind a DequantizeLinear by itself, with one scale for all
   * filters, which is what is to be kept from happening. It does not see through a Clip, here one that changes nothing.
   */
  function shielded(tensor: string, node: string): string {
    const limit = 3.4e38;
    const bounds = [-limit, limit].map((value) =>
      add({ name: `constant/${value}`, shape: [], data: Float32Array.of(value) }),
    );
    const name = `${node}/float`;
    nodes.push({ operator: "Clip", inputs: [tensor, ...bounds], outputs: [name], attributes: {} });
    return name;
  }

  function dequantized(integers: Initializer, scales: Float32Array, axis: number): string {
    const parameters = [
      add({ name: `${integers.name}/scale`, shape: [scales.length], data: scales }),
      add({ name: `${integers.name}/zero_point`, shape: [scales.length], data: new Int8Array(scales.length) }),
    ];
    const output = `${integers.name}/rounded`;
    const inputs = [add(integers), ...parameters];
    nodes.push({ operator: "DequantizeLinear", inputs, outputs: [output], attributes: { axis: { int: axis } } });
    return output;
  }

  /** In the unit of the sums of products: scale of what goes in * scale of the filter. */
  function dequantizedBias(node: string, bias: Float32Array, scales: Float32Array, scale: number): string {
    const units = scales.map((filter) => filter * scale);
    const integers = Int32Array.from(bias, (value, i) => Math.round(value / (units[i] as number)));
    const inputs = [
      add({ name: `${node}/bias/int32`, shape: [bias.length], data: integers }),
      add({ name: `${node}/bias/int32/scale`, shape: [bias.length], data: units }),
      add({ name: `${node}/bias/int32/zero_point`, shape: [bias.length], data: new Int32Array(bias.length) }),
    ];
    const output = `${node}/bias/rounded`;
    nodes.push({ operator: "DequantizeLinear", inputs, outputs: [output], attributes: { axis: { int: 0 } } });
    return output;
  }

  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  const all = [...initializers.values(), ...added.values()].filter(({ name }) => used.has(name));
  return { ...graph, nodes, initializers: all };
}

interface Links {
  readonly producers: ReadonlyMap<string, GraphNode>;
  readonly consumers: ReadonlyMap<string, readonly GraphNode[]>;
}

function linksOf(graph: OnnxGraph): Links {
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

function activationsOf(node: GraphNode, constants: ReadonlyMap<string, Initializer>): readonly string[] {
  if (withKernel.includes(node.operator)) return node.inputs.slice(0, 1);
  return node.inputs.filter((name) => !constants.has(name));
}

function isQuantizable(node: GraphNode, constants: ReadonlyMap<string, Initializer>): boolean {
  if (withKernel.includes(node.operator)) return constants.get(node.inputs[1] ?? "")?.data instanceof Float32Array;
  // A sum with a constant is a shift of values, not two of the network's.
  return withoutKernel.includes(node.operator) && node.inputs.every((name) => !constants.has(name));
}

/** Tensors that are rounded: those with a range which come out of, or go into, something computed in integers. */
function roundedTensors(
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

import type { GraphNode, Initializer, OnnxGraph } from "../graph.js";
import type { ActivationRange } from "./activation-range.js";
import { filterAxis } from "./fold-into-convolutions.js";
import { isQuantizable, type Links, linksOf, roundedTensors, withKernel } from "./plan-quantization.js";
import { kernelParameters, tensorParameters } from "./quantization-parameters.js";
import { isForTiles } from "./tiles.js";

/** How a graph of integers is written. */
export interface QuantizeOptions {
  /** Outputs of the nodes with a kernel that stay in float. */
  readonly inFloat?: ReadonlySet<string> | undefined;
  /** Whether kernels that gain by it are written for a processor that multiplies tiles of matrices; values are the same. */
  readonly tiles?: boolean | undefined;
}

/** Bounds that no value is beyond. */
const limit = 3.4e38;

/**
 * The graph with a pair of QuantizeLinear and DequantizeLinear behind every tensor that has a range, and kernels as
 * integers: the form from which ONNX Runtime makes integer operators.
 *
 * @param graph folded, with `planQuantization`'s tensors
 * @param ranges of the plan's tensors; one without stays in float
 */
export function quantizeGraph(
  graph: OnnxGraph,
  ranges: ReadonlyMap<string, ActivationRange>,
  { inFloat = new Set(), tiles = false }: QuantizeOptions = {},
): OnnxGraph {
  const links = linksOf(graph);
  const constants = new Map(graph.initializers.map((initializer) => [initializer.name, initializer]));
  const rounded = roundedTensors(graph, links, constants, ranges, inFloat);
  const joined = joinedConcats(graph, links, rounded);
  const parameters = tensorParameters(ranges, rounded, joined, links, constants);
  const writer = new Writer();

  /** The tensor's integers. */
  const integersOf = (tensor: string): string =>
    writer.once(`${tensor}/uint8`, (output) => {
      const { scale, zeroPoint } = parameters(tensor);
      return {
        operator: "QuantizeLinear",
        inputs: [tensor, writer.scale(tensor, scale), writer.zeroPoint(tensor, zeroPoint)],
        outputs: [output],
        attributes: {},
      };
    });
  /** The tensor's values after rounding, where it is rounded. */
  const valuesOf = (tensor: string): string => {
    if (!rounded.has(tensor)) return tensor;
    const integers = integersOf(tensor);
    return writer.once(`${tensor}/rounded`, (output) => ({
      operator: "DequantizeLinear",
      inputs: [integers, `${tensor}/scale`, `${tensor}/zero_point`],
      outputs: [output],
      attributes: {},
    }));
  };

  for (const node of graph.nodes) {
    const [output = ""] = node.outputs;
    if (joined.has(node)) {
      // Of one scale, integers stand side by side as they are.
      const inputs = node.inputs.map(integersOf);
      const { scale, zeroPoint } = parameters(output);
      writer.scale(output, scale);
      writer.zeroPoint(output, zeroPoint);
      writer.once(`${output}/uint8`, (integers) => ({ ...node, inputs, outputs: [integers] }));
      continue;
    }
    const inputs = node.inputs.map(valuesOf);
    const [activation = ""] = node.inputs;
    const isKernel = withKernel.includes(node.operator) && isQuantizable(node, constants);
    const scale = parameters.known(activation)?.scale;
    if (isKernel && scale !== undefined && inFloat.has(output)) {
      inputs[0] = shielded(writer, inputs[0] as string, output);
    } else if (isKernel && scale !== undefined) {
      const kernel = constants.get(node.inputs[1] as string) as Initializer & { readonly data: Float32Array };
      const bias = node.inputs[2] === undefined ? undefined : constants.get(node.inputs[2])?.data;
      const isConvolution = node.operator === "Conv";
      const axis = isConvolution ? filterAxis(kernel).axis : 1;
      const shift = tiles && isConvolution && isForTiles(node, kernel) ? 1 : 0;
      const quantized = kernelParameters({ ...kernel, name: output }, axis, bias, scale);
      if (quantized) {
        const { integers, scales, biases } = quantized;
        inputs[1] = writer.kernel(integers, scales, shift, isConvolution ? 0 : 1);
        if (biases) inputs[2] = writer.bias(output, biases, scales, scale);
      }
    }
    writer.nodes.push({ ...node, inputs });
  }

  const used = new Set(writer.nodes.flatMap(({ inputs }) => inputs));
  const all = [...graph.initializers, ...writer.initializers];
  return { ...graph, nodes: writer.nodes, initializers: all.filter(({ name }) => used.has(name)) };
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

/**
 * ONNX Runtime (1.20 and later) quantises float kernels behind a DequantizeLinear by itself, with one scale for all
 * filters, which is what is to be kept from happening. It does not see through a Clip, here one that changes nothing.
 */
function shielded(writer: Writer, tensor: string, node: string): string {
  const bounds = [-limit, limit].map((value) =>
    writer.add({ name: `constant/${value}`, shape: [], data: Float32Array.of(value) }),
  );
  return writer.once(`${node}/float`, (output) => ({
    operator: "Clip",
    inputs: [tensor, ...bounds],
    outputs: [output],
    attributes: {},
  }));
}

/** Nodes and constants of the graph that is being written. */
class Writer {
  readonly nodes: GraphNode[] = [];
  readonly #made = new Set<string>();
  readonly #initializers = new Map<string, Initializer>();

  get initializers(): readonly Initializer[] {
    return [...this.#initializers.values()];
  }

  add(initializer: Initializer): string {
    this.#initializers.set(initializer.name, initializer);
    return initializer.name;
  }

  /** A node with one output, the first time that it is asked for. */
  once(output: string, make: (output: string) => GraphNode): string {
    if (this.#made.has(output)) return output;
    this.nodes.push(make(output));
    this.#made.add(output);
    return output;
  }

  scale(tensor: string, value: number): string {
    return this.add({ name: `${tensor}/scale`, shape: [], data: Float32Array.of(value) });
  }

  zeroPoint(tensor: string, value: number): string {
    return this.add({ name: `${tensor}/zero_point`, shape: [], data: Uint8Array.of(value) });
  }

  /** A kernel's values: (integer - shift) * scale of its filter. */
  kernel(integers: Initializer, scales: Float32Array, shift: 0 | 1, axis: number): string {
    const { name } = integers;
    const data = shift === 0 ? integers.data : (integers.data as Int8Array).map((value) => value + shift);
    const zeroPoints = new Int8Array(scales.length).fill(shift);
    return this.#dequantized({ ...integers, data }, scales, zeroPoints, name, axis);
  }

  /** In the unit of the sums of products: scale of what goes in * scale of the filter. */
  bias(node: string, biases: Int32Array, scales: Float32Array, scale: number): string {
    const name = `${node}/bias/int32`;
    const units = scales.map((filter) => filter * scale);
    const integers: Initializer = { name, shape: [biases.length], data: biases };
    return this.#dequantized(integers, units, new Int32Array(biases.length), name, 0);
  }

  #dequantized(
    integers: Initializer,
    scales: Float32Array,
    zeroPoints: Int8Array | Int32Array,
    name: string,
    axis: number,
  ): string {
    const inputs = [
      this.add(integers),
      this.add({ name: `${name}/scale`, shape: [scales.length], data: scales }),
      this.add({ name: `${name}/zero_point`, shape: [scales.length], data: zeroPoints }),
    ];
    const attributes = { axis: { int: axis } };
    return this.once(`${name}/rounded`, (output) => ({
      operator: "DequantizeLinear",
      inputs,
      outputs: [output],
      attributes,
    }));
  }
}

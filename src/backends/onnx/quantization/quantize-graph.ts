import type { GraphNode, Initializer, OnnxGraph } from "../graph.js";
import type { ActivationRange } from "./activation-range.js";
import { filterAxis } from "./fold-into-convolutions.js";
import { hasKernel } from "./plan-quantization.js";
import { hardSigmoidOf, kernelParameters, layOut } from "./quantization-parameters.js";
import { isForTiles } from "./tiles.js";

/** How a graph of integers is written. */
export interface QuantizeOptions {
  /** Outputs of the nodes with a kernel that stay in float. */
  readonly inFloat?: ReadonlySet<string> | undefined;
  /** What is added to the biases of the others, by output. */
  readonly corrections?: ReadonlyMap<string, readonly number[]> | undefined;
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
  { inFloat = new Set(), corrections = new Map(), tiles = false }: QuantizeOptions = {},
): OnnxGraph {
  const { constants, integer, rounded, joined, parameters } = layOut(graph, ranges, inFloat);
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
    if (node.operator === "HardSigmoid" && integer.has(node)) {
      writer.hardSigmoid(node, inputs[0] as string);
      continue;
    }
    const isKernel = hasKernel(node, constants);
    const scale = parameters.known(activation)?.scale;
    if (isKernel && scale !== undefined && inFloat.has(output)) {
      inputs[0] = shielded(writer, inputs[0] as string, output);
    } else if (isKernel && scale !== undefined) {
      const kernel = constants.get(node.inputs[1] as string) as Initializer & { readonly data: Float32Array };
      const bias = corrected(constants.get(node.inputs[2] ?? "")?.data, corrections.get(output));
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

function corrected(
  bias: Initializer["data"] | undefined,
  correction: readonly number[] | undefined,
): Initializer["data"] | undefined {
  return correction ? Float32Array.from(correction, (shift, filter) => Number(bias?.[filter] ?? 0) + shift) : bias;
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

  /**
   * A hard sigmoid in integers: x + offset in 255 steps from 0 to the width, where rounding is what bounds it, which are
   * then taken for steps from 0 to 1.
   */
  hardSigmoid(node: GraphNode, input: string): void {
    const [output = ""] = node.outputs;
    const { offset, width } = hardSigmoidOf(node);
    const [offsetName, sum] = [`${output}/offset`, `${output}/sum`];
    const constant = [
      this.add({ name: offsetName, shape: [], data: Uint8Array.of(255) }),
      this.scale(offsetName, offset / 255),
      this.zeroPoint(offsetName, 0),
    ];
    const dequantized = `${offsetName}/rounded`;
    const attributes = {};
    this.once(dequantized, () => ({
      operator: "DequantizeLinear",
      inputs: constant,
      outputs: [dequantized],
      attributes,
    }));
    this.nodes.push({ operator: "Add", inputs: [input, dequantized], outputs: [sum], attributes });
    this.once(`${output}/uint8`, (integers) => ({
      operator: "QuantizeLinear",
      inputs: [sum, this.scale(sum, width / 255), this.zeroPoint(sum, 0)],
      outputs: [integers],
      attributes,
    }));
    this.scale(output, 1 / 255);
    this.zeroPoint(output, 0);
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

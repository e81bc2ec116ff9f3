import type { GraphNode, OnnxGraph } from "../graph.js";
import { attributeNumber } from "./attributes.js";

/**
 * The gradient of a kernel as a product that is computed some rows at a time, so that the optimizer finds each block in the
 * processor's cache: `flatten(x)^T * slope`.
 */
export interface GradientBlocks {
  /** `[batch, ...]`: what the layer is given. An input or an output of the graph. */
  readonly x: string;
  /** `[batch, columns]`: gradient of what the layer gives. An output of the graph. */
  readonly slope: string;
  /** Rows of the gradient in a block, a multiple of four: the optimizers' kernels take whole fours of values. */
  readonly rows: number;
}

/** Blocks of about this many bytes were the fastest where a core has a cache of 2 MiB: its threads have half a block each. */
const blockBytes = 2 ** 21;
/** Smaller gradients stay in the caches as they are, and each block costs a call. */
const leastBytes = 4 * blockBytes;

/**
 * The blocks of a gradient, where it is large and a product of what a layer is given.
 *
 * @param nodes of the graph
 * @param input the graph's input, and the number of values in a row of it
 * @param gradient tensor that is the gradient
 * @param shape its shape
 * @returns undefined where it is to be computed at once
 */
export function gradientBlocks(
  nodes: readonly GraphNode[],
  input: { readonly tensor: string; readonly size: number },
  gradient: string,
  [rows = 0, columns = 0]: readonly number[],
): GradientBlocks | undefined {
  const rowBytes = columns * Float32Array.BYTES_PER_ELEMENT;
  const producer = (tensor: string) => nodes.find(({ outputs }) => outputs[0] === tensor);
  const product = producer(gradient);
  if (rows * rowBytes < leastBytes || product?.operator !== "Gemm") return undefined;
  if (attributeNumber(product, "transA") !== 1) return undefined;
  if (nodes.some(({ inputs }) => inputs.includes(gradient))) return undefined;
  const count = Math.ceil((rows * rowBytes) / blockBytes);
  const [x, slope] = product.inputs as readonly [string, string];
  const given = producer(x);
  // The input itself instead of the same values as rows, which would have to be copied to be an output.
  const isInput = given?.operator === "Reshape" && given.inputs[0] === input.tensor && input.size === rows;
  return { x: isInput ? input.tensor : x, slope, rows: 4 * Math.ceil(rows / count / 4) };
}

/** The graph that computes a block of any such gradient: rows `begin` to `end`. */
export const blockGraph: OnnxGraph = {
  name: "block of a gradient",
  nodes: [
    node("Flatten", ["x"], "rows", { axis: { int: 1 } }),
    node("Slice", ["rows", "begin", "end", "axes"], "columns"),
    node("Gemm", ["columns", "slope"], "gradient", { transA: { int: 1 } }),
  ],
  initializers: [{ name: "axes", shape: [1], data: BigInt64Array.of(1n) }],
  inputs: [
    { name: "x", elementType: "float32", shape: undefined },
    { name: "slope", elementType: "float32", shape: [null, null] },
    { name: "begin", elementType: "int64", shape: [1] },
    { name: "end", elementType: "int64", shape: [1] },
  ],
  outputs: [{ name: "gradient", elementType: "float32", shape: [null, null] }],
};

function node(
  operator: string,
  inputs: readonly string[],
  output: string,
  attributes: GraphNode["attributes"] = {},
): GraphNode {
  return { operator, inputs, outputs: [output], attributes };
}

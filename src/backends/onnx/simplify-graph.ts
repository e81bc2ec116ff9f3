import type { GraphNode, OnnxGraph } from "./graph.js";
import { type RewriteContext, type Rewriting, rewriteGraph } from "./rewrite-graph.js";

/**
 * The same graph with what Keras writes in several steps in fewer, which are faster, and of which integers can be made:
 *
 * - what is computed from constants alone is a constant, and products with 1 and sums with 0 are gone;
 * - a hard sigmoid is one operator instead of a sum, bounds and a product;
 * - the shapes by which a global pooling becomes a row, and that again a picture of one place, are gone;
 * - padding stands next to its convolution, where a transposition stood between.
 */
export function simplifyGraph(graph: OnnxGraph): OnnxGraph {
  const passes = [withoutConstantWork, asHardSigmoid, withoutSqueeze, paddedBehindTransposition];
  return passes.reduce((simplified, pass) => rewriteGraph(simplified, pass), graph);
}

function withoutConstantWork(
  { operator, inputs, outputs: [output = ""] }: GraphNode,
  { constants, scalar }: RewriteContext,
): Rewriting | undefined {
  const [input = "", other] = inputs;
  const value = scalar(other);
  const idle = { Mul: 1, Div: 1, Add: 0, Sub: 0 }[operator];
  // Where both are constants, the other one may be the larger.
  if (idle !== undefined && value === idle && !constants.has(input)) return { same: input };
  const constant = constants.get(input);
  if (!(constant?.data instanceof Float32Array)) return undefined;
  const apply =
    operator === "Sqrt"
      ? Math.sqrt
      : operator === "Max" && inputs.length === 2 && value !== undefined
        ? (one: number) => Math.max(one, value)
        : undefined;
  if (apply === undefined) return undefined;
  return { nodes: [], initializers: [{ ...constant, name: output, data: constant.data.map(apply) }] };
}

/** `clip(x + offset, 0, greatest) * factor`, where `greatest * factor` is 1. */
function asHardSigmoid(
  { operator, inputs, outputs }: GraphNode,
  { scalar, ownProducer }: RewriteContext,
): Rewriting | undefined {
  const factor = scalar(inputs[1]);
  if (operator !== "Mul" || factor === undefined) return undefined;
  const clip = ownProducer(inputs[0], "Clip");
  const sum = ownProducer(clip?.inputs[0], "Add");
  const offset = scalar(sum?.inputs[1]);
  const [least, greatest] = [scalar(clip?.inputs[1]), scalar(clip?.inputs[2])];
  if (sum === undefined || offset === undefined || least !== 0 || greatest === undefined) return undefined;
  if (Math.abs(greatest * factor - 1) > 1e-6) return undefined;
  // Integers add the offset as what is above 0, and as a factor of x give x a range that has to begin below 0.
  if (!(offset > 0)) return undefined;
  const attributes = { alpha: { float: factor }, beta: { float: offset * factor } };
  return { nodes: [{ operator: "HardSigmoid", inputs: sum.inputs.slice(0, 1), outputs, attributes }] };
}

function withoutSqueeze(node: GraphNode, { producers, integers }: RewriteContext): Rewriting | undefined {
  if (!isToChannelsFirst(node)) return undefined;
  const expansion = producers.get(node.inputs[0] ?? "");
  const squeeze = producers.get(expansion?.inputs[0] ?? "");
  const [pooled = "", row] = squeeze?.inputs ?? [];
  if (expansion?.operator !== "Reshape" || squeeze?.operator !== "Reshape") return undefined;
  if (!["GlobalAveragePool", "GlobalMaxPool"].includes(producers.get(pooled)?.operator ?? "")) return undefined;
  const [batch, height, width, ...channels] = integers(expansion.inputs[1]) ?? [];
  const isOnePlace = batch === 0 && height === 1 && width === 1 && channels.length === 1;
  return isOnePlace && integers(row)?.join() === "0,-1" ? { same: pooled } : undefined;
}

function paddedBehindTransposition(node: GraphNode, { integers, ownProducer }: RewriteContext): Rewriting | undefined {
  const padding = isToChannelsFirst(node) ? ownProducer(node.inputs[0], "Pad") : undefined;
  const pads = padding?.inputs.length === 2 ? integers(padding.inputs[1]) : undefined;
  if (padding === undefined || pads?.length !== 8) return undefined;
  const [output = ""] = node.outputs;
  const order = [0, 3, 1, 2, 4, 7, 5, 6];
  const places = BigInt64Array.from(order, (place) => BigInt(pads[place] as number));
  const [moved, unpadded] = [`${output}/pads`, `${output}/unpadded`];
  return {
    nodes: [
      { ...node, inputs: padding.inputs.slice(0, 1), outputs: [unpadded] },
      { ...padding, inputs: [unpadded, moved], outputs: [output] },
    ],
    initializers: [{ name: moved, shape: [8], data: places }],
  };
}

/** Whether a node brings Keras's order of axes into ONNX's. */
export function isToChannelsFirst({ operator, attributes: { perm } }: GraphNode): boolean {
  return operator === "Transpose" && perm !== undefined && "ints" in perm && perm.ints.join() === "0,3,1,2";
}

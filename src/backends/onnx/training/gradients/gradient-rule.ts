import type { GraphNode } from "../../graph.js";
import type { GraphWriter } from "../graph-writer.js";
import type { KnownTensors, TensorShape } from "../tensor-shapes.js";

/** What the rules for the operators' gradients need. */
export interface GradientContext {
  readonly writer: GraphWriter;
  readonly known: KnownTensors;
  /** Shape of a tensor of the forward graph. @throws UnsupportedError naming the layer, where it is not known */
  shape(tensor: string): TensorShape;
  /** Size of an axis. @throws UnsupportedError naming the layer, where it is known only when the graph runs */
  size(tensor: string, axis: number): number;
  /** Gives the forward node being differentiated a second output, and returns that. */
  secondOutput(): string;
}

/**
 * Gradient of one operator: from the gradient of its first output, for each input how to add the nodes of that input's
 * gradient, or undefined where none flows. They are added only for inputs whose gradient is wanted.
 */
export type GradientRule = (
  node: GraphNode,
  gradient: string,
  context: GradientContext,
) => readonly ((() => string) | undefined)[];

/** A node's input. Its operator says that there is one. */
export function inputOf(node: GraphNode, position: number): string {
  return node.inputs[position] as string;
}

/** A node's first output. */
export function outputOf(node: GraphNode): string {
  return node.outputs[0] as string;
}

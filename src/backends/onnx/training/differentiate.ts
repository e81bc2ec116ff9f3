import type { UnsupportedError } from "../../../errors.js";
import type { GraphNode } from "../graph.js";
import type { GraphBuilder } from "../graph-builder.js";
import { alongAxesGradients } from "./gradients/along-axes.js";
import { elementwiseGradients } from "./gradients/elementwise.js";
import type { GradientContext, GradientRule } from "./gradients/gradient-rule.js";
import { linearGradients } from "./gradients/linear.js";
import { movingGradients } from "./gradients/moving.js";
import { windowGradients } from "./gradients/window.js";
import { winogradGradients } from "./gradients/winograd.js";
import { GraphWriter } from "./graph-writer.js";
import type { KnownTensors } from "./tensor-shapes.js";

const rules: Readonly<Record<string, GradientRule>> = {
  ...elementwiseGradients,
  ...alongAxesGradients,
  ...movingGradients,
  ...linearGradients,
  ...windowGradients,
  ...winogradGradients,
};

/** Nodes of a network's layers, in order, with what is known of them. */
export interface ForwardGraph {
  /** How many of the builder's nodes are the layers'. */
  readonly nodeCount: number;
  /** For each of them, by position, the layer whose value it computes. */
  readonly layers: readonly string[];
  readonly known: KnownTensors;
  /** The error for a layer through which no gradient flows. */
  readonly refuse: (layer: string, fault: string) => UnsupportedError;
}

/**
 * Adds the nodes that compute the gradients of some tensors, by reverse-mode differentiation: from the last node of the
 * layers to the first, each operator turns the gradient of its value into those of its inputs. A tensor that is used
 * several times gets the sum.
 *
 * @param value tensor whose gradient is given
 * @param gradient that gradient
 * @param wanted tensors whose gradients are wanted
 * @returns the gradients of those of `wanted` on which the value depends
 * @throws UnsupportedError naming the layer and the operator, if there is no rule for it
 */
export function differentiate(
  builder: GraphBuilder,
  forward: ForwardGraph,
  value: string,
  gradient: string,
  wanted: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const active = tensorsThatDependOn(builder.nodes.slice(0, forward.nodeCount), wanted);
  const parts = new Map<string, string[]>([[value, [gradient]]]);
  const writer = new GraphWriter(builder, "gradient");
  const take = (tensor: string): string | undefined => {
    const [first, ...others] = parts.get(tensor) ?? [];
    return others.reduce((sum, other) => writer.node("Add", [sum as string, other]), first);
  };
  for (let at = forward.nodeCount - 1; at >= 0; at--) {
    const last = builder.nodes[at] as GraphNode;
    const output = last.outputs[0] as string;
    if (!active.has(output)) continue;
    const node = builder.groups.get(output) ?? last;
    const ofOutput = take(output);
    if (ofOutput === undefined) continue;
    const rule = Object.hasOwn(rules, node.operator) ? rules[node.operator] : undefined;
    if (rule === undefined) throw refused(forward, at, node, `there is no gradient of ${node.operator}`);
    const ofInputs = rule(node, ofOutput, contextAt(builder, forward, at, writer));
    node.inputs.forEach((input, position) => {
      const ofInput = active.has(input) ? ofInputs[position] : undefined;
      if (ofInput !== undefined) parts.set(input, [...(parts.get(input) ?? []), ofInput()]);
    });
  }
  const gradients = new Map<string, string>();
  for (const tensor of wanted) {
    const whole = take(tensor);
    if (whole !== undefined) gradients.set(tensor, whole);
  }
  return gradients;
}

/** What is computed from some tensors, and these themselves. Comparisons end it: their value moves in steps only. */
function tensorsThatDependOn(nodes: readonly GraphNode[], tensors: ReadonlySet<string>): ReadonlySet<string> {
  const active = new Set(tensors);
  for (const { operator, inputs, outputs } of nodes) {
    if (operator === "Greater" || operator === "Shape" || !inputs.some((input) => active.has(input))) continue;
    for (const output of outputs) active.add(output);
  }
  return active;
}

function contextAt(builder: GraphBuilder, forward: ForwardGraph, at: number, writer: GraphWriter): GradientContext {
  const { known } = forward;
  const node = builder.nodes[at] as GraphNode;
  const shape = (tensor: string) => {
    const found = known.shapes.get(tensor);
    if (found === undefined) throw refused(forward, at, node, `the shape of what ${node.operator} takes is not known`);
    return found;
  };
  return {
    writer,
    known,
    shape,
    size(tensor, axis) {
      const size = shape(tensor)[axis] ?? null;
      if (size === null) {
        throw refused(
          forward,
          at,
          node,
          `the gradient of ${node.operator} needs pictures of a known size. Give the InputLayer a height and a width`,
        );
      }
      return size;
    },
    secondOutput() {
      const second = `${node.outputs[0]}/second`;
      builder.nodes[at] = { ...node, outputs: [node.outputs[0] as string, second] };
      return second;
    },
  };
}

function refused({ layers, refuse }: ForwardGraph, at: number, node: GraphNode, fault: string): UnsupportedError {
  return refuse(layers[at] ?? (node.outputs[0] as string), fault);
}

import { countUses } from "./count-uses.js";
import type { GraphNode, Initializer, OnnxGraph } from "./graph.js";

/** What is known of the graph at the node that is looked at. */
export interface RewriteContext {
  readonly constants: ReadonlyMap<string, Initializer>;
  /** Who makes a tensor, as rewritten. */
  readonly producers: ReadonlyMap<string, GraphNode>;
  /** Who makes a tensor, if it is this operator and nobody else takes the tensor. */
  ownProducer(tensor: string | undefined, operator: string): GraphNode | undefined;
  /** A constant of one float32 value. */
  scalar(name: string | undefined): number | undefined;
  /** A constant of integers, such as a shape. */
  integers(name: string | undefined): readonly number[] | undefined;
}

/** What becomes of a node: another tensor stands for what it makes, or others make it. */
export type Rewriting =
  | { readonly same: string }
  | { readonly nodes: readonly GraphNode[]; readonly initializers?: readonly Initializer[] };

/**
 * The graph with nodes replaced, in their order, and without what nobody needs any more.
 *
 * @param rewrite returns undefined for what stays. A tensor that the caller of the graph sees is never replaced by another.
 */
export function rewriteGraph(
  graph: OnnxGraph,
  rewrite: (node: GraphNode, context: RewriteContext) => Rewriting | undefined,
): OnnxGraph {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const constants = new Map(graph.initializers.map((initializer) => [initializer.name, initializer]));
  const producers = new Map<string, GraphNode>();
  const uses = new Map(countUses(graph));
  const replaced = new Map<string, string>();
  const nodes: GraphNode[] = [];
  const context: RewriteContext = {
    constants,
    producers,
    ownProducer(tensor = "", operator) {
      const producer = producers.get(tensor);
      return producer?.operator === operator && uses.get(tensor) === 1 ? producer : undefined;
    },
    scalar(name = "") {
      const data = constants.get(name)?.data;
      return data instanceof Float32Array && data.length === 1 ? data[0] : undefined;
    },
    integers(name = "") {
      const data = constants.get(name)?.data;
      return data instanceof BigInt64Array ? Array.from(data, Number) : undefined;
    },
  };
  for (const given of graph.nodes) {
    const node = { ...given, inputs: given.inputs.map((input) => replaced.get(input) ?? input) };
    const [output = ""] = node.outputs;
    const rewriting = rewrite(node, context) ?? { nodes: [node] };
    if (!("same" in rewriting)) {
      for (const initializer of rewriting.initializers ?? []) constants.set(initializer.name, initializer);
      for (const each of rewriting.nodes) for (const made of each.outputs) producers.set(made, each);
      nodes.push(...rewriting.nodes);
    } else if (outputs.has(output)) {
      nodes.push(node);
    } else {
      const { same } = rewriting;
      replaced.set(output, same);
      uses.set(same, (uses.get(same) ?? 0) - 1 + (uses.get(output) ?? 0));
    }
  }
  return withoutUnused({ ...graph, nodes, initializers: [...constants.values()] });
}

/** The graph without nodes and constants that no output needs. */
function withoutUnused(graph: OnnxGraph): OnnxGraph {
  const needed = new Set(graph.outputs.map(({ name }) => name));
  const nodes = graph.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((output) => needed.has(output))) return false;
    for (const input of node.inputs) needed.add(input);
    return true;
  });
  const initializers = graph.initializers.filter(({ name }) => needed.has(name));
  return { ...graph, nodes: nodes.toReversed(), initializers };
}

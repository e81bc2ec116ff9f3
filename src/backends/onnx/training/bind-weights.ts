import type { GraphNode, Initializer } from "../graph.js";

/** Weights of a graph that change, and what the graph needs to take them. */
export interface BoundWeights {
  /** For each weight that the graph uses, by its values, how it lies in the graph. */
  readonly layouts: ReadonlyMap<Float32Array, Initializer>;
  /** Constants that `nodes` need. */
  readonly constants: readonly Initializer[];
  /** To be put before the others: they turn weights that the graph takes in several forms into all but the first. */
  readonly nodes: readonly GraphNode[];
}

/**
 * Finds the constants of a graph that are weights which change. A weight may stand in a graph in several forms, of other
 * shapes or orders of axes: it is held in one, and the others are made of it.
 *
 * @param weights values of the weights, the same arrays as in the graph
 * @param held forms to hold weights in, where that is decided already. @default the first that the graph has of each
 */
export function bindWeights(
  initializers: readonly Initializer[],
  weights: ReadonlySet<Float32Array>,
  held: ReadonlyMap<Float32Array, Initializer> = new Map(),
): BoundWeights {
  const layouts = new Map<Float32Array, Initializer>();
  const constants: Initializer[] = [];
  const nodes: GraphNode[] = [];
  for (const initializer of initializers) {
    const { data, name } = initializer;
    if (!(data instanceof Float32Array) || !weights.has(data)) continue;
    const layout = layouts.get(data) ?? held.get(data) ?? initializer;
    layouts.set(data, layout);
    if (layout.name === name) continue;
    const add = (operator: string, inputs: readonly string[], output: string, permutation?: readonly number[]) => {
      const attributes = permutation === undefined ? {} : { perm: { ints: permutation } };
      nodes.push({ operator, inputs, outputs: [output], attributes });
      return output;
    };
    const inMemoryOrder =
      layout.permutation === undefined
        ? layout.name
        : add("Transpose", [layout.name], `${name}/in_order`, inverse(layout.permutation));
    const shape = BigInt64Array.from(initializer.shape, (size) => BigInt(size));
    constants.push({ name: `${name}/shape`, shape: [shape.length], data: shape });
    const { permutation } = initializer;
    const reshaped = permutation === undefined ? name : `${name}/reshaped`;
    add("Reshape", [inMemoryOrder, `${name}/shape`], reshaped);
    if (permutation !== undefined) add("Transpose", [reshaped], name, permutation);
  }
  return { layouts, constants, nodes };
}

/** The order of axes that undoes another. */
export function inverse(permutation: readonly number[]): readonly number[] {
  return permutation.map((_, axis) => permutation.indexOf(axis));
}

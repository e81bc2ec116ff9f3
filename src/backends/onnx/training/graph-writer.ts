import type { Attribute } from "../graph.js";
import type { GraphBuilder } from "../graph-builder.js";

/** Attributes of a node, by name. */
export type Attributes = Readonly<Record<string, Attribute>>;

/** Adds nodes of one purpose, and constants that are named by their values, to a graph. */
export class GraphWriter {
  readonly #builder: GraphBuilder;
  readonly #label: string;

  /** @param label what the names of the new tensors begin with */
  constructor(builder: GraphBuilder, label: string) {
    this.#builder = builder;
    this.#label = label;
  }

  /** Adds a node with one output, and returns that. */
  node(operator: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.#builder.node(this.#label, operator, inputs, attributes);
  }

  /** Adds a node with several outputs, and returns them. */
  nodeOf(count: number, operator: string, inputs: readonly string[], attributes: Attributes = {}): readonly string[] {
    return this.#builder.nodeOf(count, this.#label, operator, inputs, attributes);
  }

  /** A number that meets tensors of any shape. */
  scalar(value: number): string {
    return this.#builder.constant({ name: `constant/${value}`, shape: [], data: Float32Array.of(value) });
  }

  /** A list of integers, as operators take axes and shapes. */
  integers(values: readonly number[]): string {
    return this.#builder.constant({
      name: `integers/${values.join(",")}`,
      shape: [values.length],
      data: BigInt64Array.from(values, (value) => BigInt(value)),
    });
  }

  /** A constant of the given name. */
  floats(name: string, values: Float32Array, shape: readonly number[]): string {
    return this.#builder.constant({ name, shape, data: values });
  }

  /** Product with a number; the tensor itself where that is 1. */
  scaled(tensor: string, factor: number): string {
    return factor === 1 ? tensor : this.node("Mul", [tensor, this.scalar(factor)]);
  }

  /** Sum over axes. */
  sum(tensor: string, axes: readonly number[], keepdims = false): string {
    return this.node("ReduceSum", [tensor, this.integers(axes)], { keepdims: { int: keepdims ? 1 : 0 } });
  }

  /** Sum of all numbers, without axes. */
  sumOfAll(tensor: string): string {
    return this.node("ReduceSum", [tensor], { keepdims: { int: 0 } });
  }

  /** `then` where the condition, a tensor of truth values, holds, else 0. */
  where(condition: string, then: string): string {
    return this.node("Where", [condition, then, this.scalar(0)]);
  }
}

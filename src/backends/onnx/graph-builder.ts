import type { Attribute, ElementType, GraphNode, Initializer } from "./graph.js";

/**
 * A layer's value on its way through the graph. `keras` has the axes in Keras's order; `channelsFirst` is a value of
 * rank 4 as ONNX's window operators take it: batch, channels, height, width.
 */
export interface Value {
  readonly tensor: string;
  readonly axes: "keras" | "channelsFirst";
  /** Number of axes, the batch included. */
  readonly rank: number;
  readonly elementType: ElementType;
}

/** Collects the nodes and constants of a graph, and turns values from one order of axes into the other, each once. */
export class GraphBuilder {
  readonly nodes: GraphNode[] = [];
  /** For tensors that several nodes come to together, the operation that these are: its gradient is taken as a whole. */
  readonly groups = new Map<string, GraphNode>();
  readonly #initializers = new Map<string, Initializer>();
  readonly #tensors = new Map<string, number>();
  readonly #views = new Map<string, Value>();

  get initializers(): readonly Initializer[] {
    return [...this.#initializers.values()];
  }

  /** Keeps a name for a tensor that the graph's caller sees, so that no other tensor gets it. */
  reserve(name: string): string {
    this.#tensors.set(name, 1);
    return name;
  }

  /** Adds a node with one output and returns its tensor, which is named after the layer. */
  node(
    layer: string,
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    output = this.#uniqueName(`${layer}/${operator}`),
  ): string {
    this.nodes.push({ operator, inputs, outputs: [output], attributes });
    return output;
  }

  /** Adds a node with several outputs and returns their tensors. */
  nodeOf(
    count: number,
    layer: string,
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): readonly string[] {
    const outputs = Array.from({ length: count }, () => this.#uniqueName(`${layer}/${operator}`));
    this.nodes.push({ operator, inputs, outputs, attributes });
    return outputs;
  }

  /** Says that the nodes which come to a tensor are one operation, and returns the tensor: the operation's first output. */
  group(operation: GraphNode): string {
    const [output = ""] = operation.outputs;
    this.groups.set(output, operation);
    return output;
  }

  /** Adds a constant, once: layers that share weights share it. */
  constant(initializer: Initializer): string {
    const { name } = initializer;
    if (!this.#initializers.has(name)) this.#initializers.set(name, initializer);
    return name;
  }

  /** Adds a small float constant of a layer's own. */
  floats(layer: string, what: string, values: Iterable<number>, shape: readonly number[]): string {
    return this.constant({ name: `${layer}/${what}`, shape, data: Float32Array.from(values) });
  }

  /** Adds a small integer constant of a layer's own. */
  integers(layer: string, what: string, values: readonly number[]): string {
    return this.constant({
      name: `${layer}/${what}`,
      shape: [values.length],
      data: BigInt64Array.from(values, (value) => BigInt(value)),
    });
  }

  /** The value as float32 with its axes in this order. */
  view(value: Value, axes: Value["axes"]): Value {
    return this.#once(`${value.tensor} ${axes}`, () => this.float32(this.inOrder(value, axes)));
  }

  /** The value with its axes in this order. Pixels stay bytes: moving them costs a quarter of moving floats. */
  inOrder(value: Value, axes: Value["axes"]): Value {
    if (value.axes === axes || value.rank !== 4) return value;
    return this.#once(`${value.tensor} in order ${axes}`, () => {
      const permutation = axes === "channelsFirst" ? [0, 3, 1, 2] : [0, 2, 3, 1];
      const tensor = this.node(value.tensor, "Transpose", [value.tensor], { perm: { ints: permutation } });
      return { ...value, tensor, axes };
    });
  }

  /** The value as float32. */
  float32(value: Value): Value {
    if (value.elementType === "float32") return value;
    return this.#once(`${value.tensor} as float32`, () => {
      const tensor = this.node(value.tensor, "Cast", [value.tensor], { to: { int: 1 } });
      return { ...value, tensor, elementType: "float32" };
    });
  }

  #once(key: string, make: () => Value): Value {
    const known = this.#views.get(key);
    if (known) return known;
    const value = make();
    this.#views.set(key, value);
    return value;
  }

  #uniqueName(wanted: string): string {
    const uses = this.#tensors.get(wanted) ?? 0;
    this.#tensors.set(wanted, uses + 1);
    return uses === 0 ? wanted : `${wanted}_${uses}`;
  }
}

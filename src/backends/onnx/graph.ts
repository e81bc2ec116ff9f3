/** Element types of a graph's values; the numbers are `TensorProto.DataType` of onnx.proto3. */
export const elementTypes = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;

/** Name of an element type. */
export type ElementType = keyof typeof elementTypes;

/** A constant of the graph. */
export interface Initializer {
  readonly name: string;
  /** Shape of `data` as it lies in memory, row-major. */
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint8Array | Int8Array | Int32Array | BigInt64Array;
  /**
   * Axes in the order in which they are written, as numpy's `transpose` takes them. The values are moved only when the
   * model is encoded, so that a graph holds no second copy of the weights.
   */
  readonly permutation?: readonly number[];
}

/** Value of a node's attribute. Integers and floats look alike in JavaScript, hence the two tags. */
export type Attribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] };

/** One operation. */
export interface GraphNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** An input or output of the graph; `null` is an axis of any size, no shape any number of axes. */
export interface GraphValue {
  readonly name: string;
  readonly elementType: ElementType;
  readonly shape: readonly (number | null)[] | undefined;
}

/** An ONNX graph as plain data. `nodes` are in an order in which every node stands after those that feed it. */
export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly initializers: readonly Initializer[];
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
}

import { sizeOf } from "../../../ndarray.js";
import type { GraphNode, Initializer } from "../graph.js";
import { attributeInts, attributeNumber, attributeText } from "./attributes.js";

/** Shape of a tensor of the graph; `null` is an axis whose size is known only when the graph runs, such as the batch. */
export type TensorShape = readonly (number | null)[];

/** What is known about the tensors of a graph before it runs. */
export interface KnownTensors {
  readonly shapes: Map<string, TensorShape>;
  readonly initializers: ReadonlyMap<string, Initializer>;
}

/** Shape of an initializer as the graph has it. */
export function initializerShape({ shape, permutation }: Initializer): readonly number[] {
  return permutation?.map((axis) => shape[axis] as number) ?? shape;
}

/** Integers of a constant. Empty where there is none of the name. */
export function constantIntegers({ initializers }: KnownTensors, tensor: string | undefined): readonly number[] {
  const data = initializers.get(tensor ?? "")?.data;
  return data instanceof BigInt64Array ? Array.from(data, Number) : [];
}

/** Shape of a node's first output, or undefined where no rule knows it. */
export function inferNodeShape(known: KnownTensors, node: GraphNode): TensorShape | undefined {
  const shapes = node.inputs.map((input) => known.shapes.get(input));
  const [x] = shapes;
  if (x === undefined) return undefined;
  switch (node.operator) {
    case "Add":
    case "Sub":
    case "Mul":
    case "Div":
    case "Max":
    case "Min":
      return shapes[1] === undefined ? undefined : broadcast(x, shapes[1]);
    case "GlobalAveragePool":
    case "GlobalMaxPool":
      return [...x.slice(0, 2), ...x.slice(2).map(() => 1)];
    case "ReduceSum":
    case "ReduceMean":
    case "ReduceMax":
      return reduced(known, node, x);
    case "Reshape":
      return reshaped(x, constantIntegers(known, node.inputs[1]));
    case "Unsqueeze":
      return constantIntegers(known, node.inputs[1]).reduce<TensorShape>(
        (shape, axis) => shape.toSpliced(axis, 0, 1),
        x,
      );
    case "Squeeze": {
      const axes = constantIntegers(known, node.inputs[1]);
      return x.filter((_, axis) => !axes.includes(axis));
    }
    case "Transpose":
      return attributeInts(node, "perm").map((axis) => x[axis] as number | null);
    case "Pad": {
      const pads = constantIntegers(known, node.inputs[1]);
      return x.map((size, axis) => plus(size, (pads[axis] as number) + (pads[axis + x.length] as number)));
    }
    case "Slice":
      return sliced(known, node, x);
    case "Concat": {
      const axis = attributeNumber(node, "axis");
      const sizes = shapes.map((shape) => shape?.[axis] ?? null);
      return x.with(axis, sizes.includes(null) ? null : sizeOfAll(sizes as number[]));
    }
    case "Tile": {
      const repeats = constantIntegers(known, node.inputs[1]);
      return x.map((size, axis) => (size === null ? null : size * (repeats[axis] as number)));
    }
    case "Gemm": {
      const [a, b] = ["transA", "transB"].map((name) => attributeNumber(node, name));
      return [x[a === 1 ? 1 : 0] ?? null, shapes[1]?.[b === 1 ? 0 : 1] ?? null];
    }
    case "MatMul": {
      const matrix = [x.at(-2) ?? null, shapes[1]?.at(-1) ?? null];
      return [...broadcast(x.slice(0, -2), shapes[1]?.slice(0, -2) ?? []), ...matrix];
    }
    case "Conv":
      return [x[0] as null, shapes[1]?.[0] ?? null, ...moved(node, x)];
    case "MaxPool":
    case "AveragePool":
      return [...x.slice(0, 2), ...moved(node, x)];
    case "ConvTranspose":
      return [x[0] as null, shapes[1]?.[1] ?? null, ...movedBack(node, x)];
    case "Resize":
    case "Shape":
      return undefined;
    default:
      // All others work on each number by itself, or along axes that they keep.
      return x;
  }
}

/** Shape of what two tensors come to whose axes of size 1, or missing in front, are repeated. */
function broadcast(a: TensorShape, b: TensorShape): TensorShape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = axis < rank - a.length ? 1 : (a[axis - rank + a.length] as number | null);
    const right = axis < rank - b.length ? 1 : (b[axis - rank + b.length] as number | null);
    return left === 1 ? right : left;
  });
}

function reduced(known: KnownTensors, node: GraphNode, x: TensorShape): TensorShape {
  const axes = reducedAxes(known, node, x.length);
  if (attributeNumber(node, "keepdims", 1) === 1) return x.map((size, axis) => (axes.includes(axis) ? 1 : size));
  return x.filter((_, axis) => !axes.includes(axis));
}

/** Axes that a sum, mean or maximum is taken over: all where none are named. */
export function reducedAxes(known: KnownTensors, node: GraphNode, rank: number): readonly number[] {
  const named = node.operator === "ReduceSum" ? constantIntegers(known, node.inputs[1]) : attributeInts(node, "axes");
  return named.length > 0 ? named : Array.from({ length: rank }, (_, axis) => axis);
}

function reshaped(x: TensorShape, target: readonly number[]): TensorShape {
  const rest = x.filter((_, axis) => target[axis] !== 0);
  const kept = target.map((size, axis) => (size === 0 ? (x[axis] as number | null) : size));
  const fixed = target.filter((size) => size > 0);
  const left = rest.includes(null) ? null : sizeOf(rest as number[]) / sizeOf(fixed);
  return kept.map((size) => (size === -1 ? left : size));
}

function sliced(known: KnownTensors, node: GraphNode, x: TensorShape): TensorShape {
  const [starts, ends, axes] = node.inputs.slice(1).map((input) => constantIntegers(known, input));
  return x.map((size, axis) => {
    const at = axes?.indexOf(axis) ?? -1;
    if (at === -1 || size === null) return size;
    const end = ends?.[at] as number;
    return (end < 0 ? size + end : Math.min(size, end)) - (starts?.[at] as number);
  });
}

/** Height and width of what a window comes to; null where the padding depends on a size that is not known. */
function moved(node: GraphNode, x: TensorShape): TensorShape {
  const size = attributeInts(node, "kernel_shape");
  const strides = attributeInts(node, "strides");
  const dilations = attributeInts(node, "dilations", [1, 1]);
  const padding = attributeText(node, "auto_pad");
  const pads = attributeInts(node, "pads", [0, 0, 0, 0]);
  return x.slice(2).map((length, axis) => {
    if (length === null || padding === "SAME_UPPER") return null;
    const reach = ((size[axis] as number) - 1) * (dilations[axis] as number) + 1;
    const whole = length + (pads[axis] as number) + (pads[axis + 2] as number);
    return Math.floor((whole - reach) / (strides[axis] as number)) + 1;
  });
}

/** Height and width of what a transposed convolution comes to. */
function movedBack(node: GraphNode, x: TensorShape): TensorShape {
  const [size, strides, dilations, pads, more] = ["kernel_shape", "strides", "dilations", "pads", "output_padding"].map(
    (name) => attributeInts(node, name),
  );
  return x.slice(2).map((length, axis) => {
    const at = (list: readonly number[] | undefined, place = axis) => list?.[place] as number;
    const reach = (at(size) - 1) * at(dilations) + 1;
    if (length === null) return null;
    return (length - 1) * at(strides) + reach - at(pads) - at(pads, axis + 2) + at(more);
  });
}

function plus(size: number | null, more: number): number | null {
  return size === null ? null : size + more;
}

function sizeOfAll(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}

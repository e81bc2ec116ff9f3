import { InvalidNetworkError } from "../../errors.js";
import { sizeOf } from "../../ndarray.js";
import type { BinaryOperation, Operations, UnaryOperation, WeightView } from "../operations.js";
import { lowerBatchNormalization } from "./batch-normalization.js";
import {
  lowerConvolution,
  lowerDepthwiseConvolution,
  lowerPooling,
  lowerTransposedConvolution,
} from "./convolution.js";
import type { Initializer } from "./graph.js";
import type { GraphBuilder, Value } from "./graph-builder.js";
import type { LayerContext } from "./layer-context.js";
import { lowerPreprocessInput } from "./lower-preprocess-input.js";
import { lowerResize } from "./resize.js";

/** A constant on its way into an operation: it becomes part of the graph in the order of axes of what it meets. */
export interface ConstantValue {
  readonly constant: Initializer;
}

/** A value of a layer, or a constant. */
export type Operand = Value | ConstantValue;

/** Where each axis of Keras's `[batch, height, width, channels]` stands in ONNX's `[batch, channels, height, width]`. */
const channelsFirstAxes = [0, 2, 3, 1] as const;

/** The same the other way round: the axes of Keras in ONNX's order. */
const toChannelsFirst = [0, 3, 1, 2] as const;

const unaryOperators: Readonly<Record<Exclude<UnaryOperation, "logSoftmax">, string>> = {
  relu: "Relu",
  sigmoid: "Sigmoid",
  tanh: "Tanh",
  exp: "Exp",
  erf: "Erf",
  sqrt: "Sqrt",
  abs: "Abs",
  softplus: "Softplus",
  negate: "Neg",
};

const binaryOperators: Readonly<Record<BinaryOperation, string>> = {
  add: "Add",
  subtract: "Sub",
  multiply: "Mul",
  divide: "Div",
  maximum: "Max",
  minimum: "Min",
};

/** Adds the nodes of one layer to a graph. */
export function onnxOperations(builder: GraphBuilder, layer: string, context: LayerContext): Operations<Operand> {
  const { findWeight } = context;
  let constants = 0;

  function constantTensor({ constant }: ConstantValue, channelsFirst: boolean): string {
    if (!channelsFirst || constant.shape.length !== 4) return builder.constant(constant);
    return builder.constant({ ...constant, name: `${constant.name}/channels_first`, permutation: toChannelsFirst });
  }

  function materialized(operand: Operand): Value {
    if (!("constant" in operand)) return operand;
    const tensor = constantTensor(operand, false);
    return { tensor, axes: "keras", rank: operand.constant.shape.length, elementType: "float32" };
  }

  function inKerasOrder(operand: Operand): Value {
    return builder.view(materialized(operand), "keras");
  }

  function asImage(operand: Operand): Value {
    return builder.view(materialized(operand), "channelsFirst");
  }

  function axisIn(value: Value, axis: number): number {
    return value.axes === "channelsFirst" ? (channelsFirstAxes[axis] as number) : axis;
  }

  /** What is given for each axis of Keras, in the order of the value's axes. */
  function inOrder<T>(value: Value, perAxis: readonly T[]): readonly T[] {
    return value.axes === "channelsFirst" ? toChannelsFirst.map((axis) => perAxis[axis] as T) : perAxis;
  }

  function scalar(value: number): string {
    return builder.constant({ name: `constant/${value}`, shape: [], data: Float32Array.of(value) });
  }

  function clip(x: Operand, min: number, max: number): Value {
    const value = materialized(x);
    return { ...value, tensor: builder.node(layer, "Clip", [value.tensor, scalar(min), scalar(max)]) };
  }

  function fuse(value: Value, activation: "linear" | "relu" | "relu6"): Value {
    if (activation === "linear") return value;
    if (activation === "relu6") return clip(value, 0, 6);
    return { ...value, tensor: builder.node(layer, "Relu", [value.tensor]) };
  }

  function weightInitializer({ name, shape }: WeightView): Initializer {
    const { owner, weight } = findWeight(name);
    const own = weight.array.shape;
    const same = own.length === shape.length && own.every((size, axis) => size === shape[axis]);
    if (sizeOf(shape) !== weight.array.data.length) {
      throw new InvalidNetworkError(
        `The weight "${name}" of layer "${layer}" has the shape [${own.join(", ")}]: expected as many values as [${shape.join(", ")}] has.`,
        { layer },
      );
    }
    return { name: same ? `${owner}/${name}` : `${owner}/${name}/${shape.join("x")}`, shape, data: weight.array.data };
  }

  function reshape(x: Operand, row: readonly (number | null)[]): Value {
    const value = inKerasOrder(x);
    // 0 in ONNX's shape: as large as the input's axis at that place, here the batch and every `null`.
    const shape = builder.integers(layer, `shape${++constants}`, [0, ...row.map((size) => size ?? 0)]);
    const tensor = builder.node(layer, "Reshape", [value.tensor, shape]);
    return { ...value, tensor, rank: row.length + 1 };
  }

  function squeeze(x: Operand, axes: readonly number[]): Value {
    const value = inKerasOrder(x);
    const places = builder.integers(layer, `axes${++constants}`, axes);
    return {
      ...value,
      tensor: builder.node(layer, "Squeeze", [value.tensor, places]),
      rank: value.rank - axes.length,
    };
  }

  const parts = { builder, layer, asImage, weightInitializer, trained: context.trained };
  return {
    rank: (x) => materialized(x).rank,
    constant(values, shape) {
      if (values.length === 1 && shape.length === 0) {
        return { constant: { name: `constant/${values[0]}`, shape, data: Float32Array.from(values) } };
      }
      return { constant: { name: `${layer}/constant${++constants}`, shape, data: Float32Array.from(values) } };
    },
    weight: (view) => ({ constant: weightInitializer(view) }),
    unary(operation, x) {
      const value = materialized(x);
      if (operation === "logSoftmax") {
        const axis = axisIn(value, value.rank - 1);
        return { ...value, tensor: builder.node(layer, "LogSoftmax", [value.tensor], { axis: { int: axis } }) };
      }
      return { ...value, tensor: builder.node(layer, unaryOperators[operation], [value.tensor]) };
    },
    binary(operation, a, b) {
      const shared = [a, b].find((operand): operand is Value => !("constant" in operand) && operand.rank > 0);
      const first = shared ?? materialized(a);
      const channelsFirst = [a, b].some((operand) => !("constant" in operand) && operand.axes === "channelsFirst");
      const tensors = [a, b].map((operand) => {
        if ("constant" in operand) return constantTensor(operand, channelsFirst);
        return builder.view(operand, channelsFirst ? "channelsFirst" : "keras").tensor;
      });
      const rank = Math.max(...[a, b].map((operand) => valueRank(operand)));
      const tensor = builder.node(layer, binaryOperators[operation], tensors);
      return { ...first, tensor, rank, axes: channelsFirst ? "channelsFirst" : "keras" };
    },
    clip,
    leakyRelu(x, slope) {
      const value = materialized(x);
      return { ...value, tensor: builder.node(layer, "LeakyRelu", [value.tensor], { alpha: { float: slope } }) };
    },
    greater(x, than) {
      const value = materialized(x);
      const above = builder.node(layer, "Greater", [value.tensor, scalar(than)]);
      return { ...value, tensor: builder.node(layer, "Cast", [above], { to: { int: 1 } }) };
    },
    softmax(x, axis) {
      const value = materialized(x);
      const attributes = { axis: { int: axisIn(value, axis) } };
      return { ...value, tensor: builder.node(layer, "Softmax", [value.tensor], attributes) };
    },
    reduce(operation, x, axes, keepdims) {
      const given = materialized(x);
      const ofImage = given.rank === 4 && axes.length === 2 && axes.includes(1) && axes.includes(2);
      if (ofImage && operation !== "sum") {
        const value = asImage(x);
        const operator = operation === "mean" ? "GlobalAveragePool" : "GlobalMaxPool";
        const pooled: Value = { ...value, tensor: builder.node(layer, operator, [value.tensor]) };
        return keepdims ? pooled : reshape({ ...pooled, axes: "keras" }, [-1]);
      }
      const value = keepdims ? given : inKerasOrder(x);
      const places = axes.map((axis) => axisIn(value, axis));
      const keep = { keepdims: { int: keepdims ? 1 : 0 } };
      // In opset 17 the axes of a sum are an input, those of the others an attribute.
      const tensor =
        operation === "sum"
          ? builder.node(
              layer,
              "ReduceSum",
              [value.tensor, builder.integers(layer, `axes${++constants}`, places)],
              keep,
            )
          : builder.node(layer, operation === "mean" ? "ReduceMean" : "ReduceMax", [value.tensor], {
              axes: { ints: places },
              ...keep,
            });
      return { ...value, tensor, rank: keepdims ? value.rank : value.rank - axes.length };
    },
    reshape,
    expandDims(x, axes) {
      const value = inKerasOrder(x);
      const places = builder.integers(layer, `axes${++constants}`, axes);
      const tensor = builder.node(layer, "Unsqueeze", [value.tensor, places]);
      return { ...value, tensor, rank: value.rank + axes.length };
    },
    squeeze,
    transpose(x, axes) {
      const value = inKerasOrder(x);
      return { ...value, tensor: builder.node(layer, "Transpose", [value.tensor], { perm: { ints: axes } }) };
    },
    pad(x, row) {
      const value = materialized(x);
      const pads = inOrder(value, [[0, 0] as const, ...row]);
      const places = [...pads.map(([before]) => before), ...pads.map(([, after]) => after)];
      const tensor = builder.node(layer, "Pad", [value.tensor, builder.integers(layer, `pads${++constants}`, places)]);
      return { ...value, tensor };
    },
    crop(x, row) {
      const value = materialized(x);
      const cuts = [...inOrder(value, [[0, 0] as const, ...row]).entries()].filter(([, [a, b]]) => a > 0 || b > 0);
      if (cuts.length === 0) return value;
      const integers = (what: string, values: readonly number[]) =>
        builder.integers(layer, `${what}${++constants}`, values);
      const tensor = builder.node(layer, "Slice", [
        value.tensor,
        integers(
          "starts",
          cuts.map(([, [before]]) => before),
        ),
        // Negative: from the end.
        integers(
          "ends",
          cuts.map(([, [, after]]) => (after > 0 ? -after : Number.MAX_SAFE_INTEGER)),
        ),
        integers(
          "axes",
          cuts.map(([axis]) => axis),
        ),
      ]);
      return { ...value, tensor };
    },
    concatenate(xs, axis) {
      const values = xs.map(materialized);
      const order = values.some(({ axes, rank }) => axes === "channelsFirst" || rank === 4) ? "channelsFirst" : "keras";
      const alike = values.map((value) => builder.view(value, order));
      const [first] = alike as [Value];
      const tensors = alike.map(({ tensor }) => tensor);
      const attributes = { axis: { int: axisIn(first, axis) } };
      return { ...first, tensor: builder.node(layer, "Concat", tensors, attributes) };
    },
    repeat(x, count) {
      const value = inKerasOrder(x);
      const repeats = Array.from({ length: value.rank }, (_, axis) => (axis === 1 ? count : 1));
      const tensor = builder.node(layer, "Tile", [value.tensor, builder.integers(layer, "repeats", repeats)]);
      return { ...value, tensor };
    },
    resize: (x, to, interpolation) => lowerResize(builder, layer, asImage(x), to, interpolation),
    convolve: (x, settings, groups) => fuse(lowerConvolution(parts, x, settings, groups), settings.activation),
    convolveDepthwise: (x, settings) => fuse(lowerDepthwiseConvolution(parts, x, settings), settings.activation),
    convolveTransposed: (x, settings) => lowerTransposedConvolution(parts, x, settings),
    pool: (operation, x, window) => lowerPooling(parts, operation, x, window),
    multiplyMatrix(x, kernel, bias, activation) {
      const value = inKerasOrder(x);
      const matrix = builder.constant(weightInitializer(kernel));
      const offset = bias === undefined ? [] : [builder.constant(weightInitializer(bias))];
      if (value.rank === 2) {
        return fuse({ ...value, tensor: builder.node(layer, "Gemm", [value.tensor, matrix, ...offset]) }, activation);
      }
      let tensor = builder.node(layer, "MatMul", [value.tensor, matrix]);
      if (offset.length > 0) tensor = builder.node(layer, "Add", [tensor, ...offset]);
      return fuse({ ...value, tensor }, activation);
    },
    multiplyMatrices(a, b) {
      const [first, second] = [inKerasOrder(a), inKerasOrder(b)];
      return { ...first, tensor: builder.node(layer, "MatMul", [first.tensor, second.tensor]) };
    },
    batchNormalize: (x, { config }) => lowerBatchNormalization(builder, layer, config, materialized(x), context),
    preprocess: (x, mode) => lowerPreprocessInput(builder, layer, mode, materialized(x)),
    perturb: (x, perturbation) => context.perturb?.(builder.float32(materialized(x)), perturbation) ?? x,
    identity: (x) => x,
  };
}

function valueRank(operand: Operand): number {
  return "constant" in operand ? operand.constant.shape.length : operand.rank;
}

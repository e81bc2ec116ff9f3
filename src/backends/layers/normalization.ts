import type { NormalizationConfigs } from "../../network/layers/normalization.js";
import type { RowShape } from "../../network/row-shape.js";
import type { Operations } from "../operations.js";
import { type Application, axisOf, type Evaluators } from "./evaluator.js";

/** Least deviation that Normalization divides by: `keras.config.epsilon()`. */
const leastDeviation = 1e-7;

/** Least square of a norm that UnitNormalization divides by. */
const leastSquare = 1e-12;

export const normalizationEvaluators: Evaluators<NormalizationConfigs> = {
  BatchNormalization: ({ operations, layer, inputs: [x] }) => operations.batchNormalize(x, layer),
  LayerNormalization(application) {
    const { operations: o, layer, inputs, inputShapes } = application;
    const [x] = inputs;
    const rank = o.rank(x);
    const axes = sortedAxes(layer.config.axis, rank);
    const normalized = standardized(o, x, axes, layer.config.epsilon);
    return scaledAndCentered(application, normalized, alongAxes(inputShapes[0] ?? [], axes));
  },
  GroupNormalization(application) {
    const { operations: o, layer, inputs, inputShapes } = application;
    const [x] = inputs;
    const rank = o.rank(x);
    const channels = inputShapes[0]?.at(-1) as number;
    const groups = layer.config.groups === -1 ? channels : layer.config.groups;
    const spatial = new Array<null>(rank - 2).fill(null);
    const grouped = o.reshape(x, [...spatial, groups, channels / groups]);
    const axes = Array.from({ length: rank }, (_, axis) => axis + 1).filter((axis) => axis !== rank - 1);
    const normalized = standardized(o, grouped, axes, layer.config.epsilon);
    const joined = o.reshape(normalized, [...spatial, channels]);
    return scaledAndCentered(application, joined, [...new Array<number>(rank - 1).fill(1), channels]);
  },
  RMSNormalization({ operations: o, layer, inputs: [x], inputShapes }) {
    const axes = sortedAxes(layer.config.axis, o.rank(x));
    const square = o.reduce("mean", o.binary("multiply", x, x), axes, true);
    const root = o.unary("sqrt", o.binary("add", square, o.constant([layer.config.epsilon], [])));
    const scale = o.weight({ name: "scale", shape: alongAxes(inputShapes[0] ?? [], axes) });
    return o.binary("multiply", o.binary("divide", x, root), scale);
  },
  UnitNormalization({ operations: o, layer, inputs: [x] }) {
    const axes = sortedAxes(layer.config.axis, o.rank(x));
    const square = o.reduce("sum", o.binary("multiply", x, x), axes, true);
    const norm = o.unary("sqrt", o.binary("maximum", square, o.constant([leastSquare], [])));
    return o.binary("divide", x, norm);
  },
  Rescaling({ operations: o, layer, inputs: [x] }) {
    const rank = o.rank(x);
    const operand = (value: number | readonly number[]) =>
      typeof value === "number"
        ? o.constant([value], [])
        : o.constant(value, [...new Array<number>(rank - 1).fill(1), value.length]);
    const { scale, offset } = layer.config;
    return o.binary("add", o.binary("multiply", x, operand(scale)), operand(offset));
  },
  Normalization({ operations: o, layer, inputs: [x], inputShapes }) {
    const { axis, invert } = layer.config;
    const shape = alongAxes(inputShapes[0] ?? [], sortedAxes(axis, o.rank(x)));
    const operand = (name: "mean" | "variance") => {
      const values = layer.config[name];
      if (values === null) return o.weight({ name, shape });
      return values.length === 1 ? o.constant(values, []) : o.constant(values, shape);
    };
    const mean = operand("mean");
    const deviation = o.binary("maximum", o.unary("sqrt", operand("variance")), o.constant([leastDeviation], []));
    return invert
      ? o.binary("add", mean, o.binary("multiply", x, deviation))
      : o.binary("divide", o.binary("subtract", x, mean), deviation);
  },
  LayerScale({ operations: o, layer, inputs: [x] }) {
    const shape = [...new Array<number>(o.rank(x) - 1).fill(1), layer.config.projectionDim];
    return o.binary("multiply", x, o.weight({ name: "gamma", shape }));
  },
};

/** (x - mean) / sqrt(variance + epsilon) over these axes. */
function standardized<V>(o: Operations<V>, x: V, axes: readonly number[], epsilon: number): V {
  const centered = o.binary("subtract", x, o.reduce("mean", x, axes, true));
  const variance = o.reduce("mean", o.binary("multiply", centered, centered), axes, true);
  const deviation = o.unary("sqrt", o.binary("add", variance, o.constant([epsilon], [])));
  return o.binary("divide", centered, deviation);
}

function scaledAndCentered<V>(
  { operations: o, layer }: Application<V, "LayerNormalization" | "GroupNormalization">,
  x: V,
  shape: readonly number[],
): V {
  const { scale, center } = layer.config;
  const scaled = scale ? o.binary("multiply", x, o.weight({ name: "gamma", shape })) : x;
  return center ? o.binary("add", scaled, o.weight({ name: "beta", shape })) : scaled;
}

function sortedAxes(axes: readonly number[], rank: number): readonly number[] {
  return axes.map((axis) => axisOf(axis, rank)).sort((a, b) => a - b);
}

/** The sizes of a row along some axes, 1 along the others and the batch. */
function alongAxes(row: RowShape, axes: readonly number[]): readonly number[] {
  return [1, ...row.map((size, position) => (axes.includes(position + 1) ? (size ?? 1) : 1))];
}

import type { MergingConfigs } from "../../network/layers/merging.js";
import type { RowShape } from "../../network/row-shape.js";
import type { BinaryOperation, Operations } from "../operations.js";
import { type Application, axisOf, type Evaluators } from "./evaluator.js";

export const mergingEvaluators: Evaluators<MergingConfigs> = {
  Concatenate: ({ operations, layer, inputs }) =>
    operations.concatenate(inputs, axisOf(layer.config.axis, operations.rank(inputs[0]))),
  Add: (application) => merged("add", application),
  Subtract: (application) => merged("subtract", application),
  Multiply: (application) => merged("multiply", application),
  Maximum: (application) => merged("maximum", application),
  Minimum: (application) => merged("minimum", application),
  Average(application) {
    const { operations: o, inputs } = application;
    return o.binary("divide", merged("add", application), o.constant([inputs.length], []));
  },
  Dot: dot,
  CustomScaleLayer({ operations: o, layer, inputs }) {
    const [first, second] = alike(o, inputs) as [(typeof inputs)[0], (typeof inputs)[0]];
    return o.binary("add", first, o.binary("multiply", second, o.constant([layer.config.scale], [])));
  },
};

/** Least L2 norm that a normalised Dot divides by. */
const leastNorm = 1e-7;

function dot<V>({ operations: o, layer, inputs, inputShapes }: Application<V, "Dot">): V {
  const { axes, normalize } = layer.config;
  const [a, b] = inputs.map((x, at) => {
    const rank = o.rank(x);
    const axis = axisOf(axes[at] as number, rank);
    if (!normalize) return asMatrix(o, x, axis, inputShapes[at] ?? [], at === 0);
    const square = o.reduce("sum", o.binary("multiply", x, x), [axis], true);
    const norm = o.binary("maximum", o.unary("sqrt", square), o.constant([leastNorm], []));
    return asMatrix(o, o.binary("divide", x, norm), axis, inputShapes[at] ?? [], at === 0);
  }) as [V, V];
  const product = o.multiplyMatrices(a, b);
  const rest = (at: 0 | 1): RowShape => {
    const row = inputShapes[at] ?? [];
    const axis = axisOf(axes[at], row.length + 1);
    return row.filter((_, position) => position !== axis - 1);
  };
  const [firstRest, secondRest] = [rest(0), rest(1)];
  if (firstRest.length > 1 || secondRest.length > 1) return o.reshape(product, [...firstRest, ...secondRest]);
  // A vector's axis of size 1; of two vectors one stays.
  if (firstRest.length === 0) return o.squeeze(product, [1]);
  return secondRest.length === 0 ? o.squeeze(product, [2]) : product;
}

/** Rows `[others, axis]`, or `[axis, others]` of the second input; a vector has one other. */
function asMatrix<V>(o: Operations<V>, x: V, axis: number, row: RowShape, isFirst: boolean): V {
  const rank = o.rank(x);
  if (rank === 2) return o.expandDims(x, [isFirst ? 1 : 2]);
  const others = Array.from({ length: rank - 1 }, (_, at) => at + 1).filter((at) => at !== axis);
  const turned = o.transpose(x, [0, ...(isFirst ? [...others, axis] : [axis, ...others])]);
  const size = row[axis - 1] as number;
  return rank === 3 ? turned : o.reshape(turned, isFirst ? [-1, size] : [size, -1]);
}

function merged<V>(operation: BinaryOperation, { operations, inputs }: Application<V, keyof MergingConfigs>): V {
  const [first, ...others] = alike(operations, inputs);
  if (others.length === 0) return operations.identity(first);
  return others.reduce((result, other) => operations.binary(operation, result, other), first);
}

/** The values with equally many axes; ones that are missing come after the batch. */
function alike<V>(operations: Operations<V>, inputs: readonly [V, ...V[]]): readonly [V, ...V[]] {
  const rank = Math.max(...inputs.map((input) => operations.rank(input)));
  return inputs.map((input) => {
    const missing = rank - operations.rank(input);
    if (missing === 0) return input;
    return operations.expandDims(
      input,
      Array.from({ length: missing }, (_, axis) => axis + 1),
    );
  }) as unknown as readonly [V, ...V[]];
}

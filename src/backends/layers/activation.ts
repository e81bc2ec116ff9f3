import type { Activation, ActivationName } from "../../network/activation.js";
import type { ActivationConfigs } from "../../network/layers/activation.js";
import type { FusableActivation, Operations } from "../operations.js";
import { axisOf, type Evaluators } from "./evaluator.js";

/** Whether runtimes may compute an activation together with what comes before. */
export function isFusable(activation: Activation): activation is FusableActivation {
  return activation === "linear" || activation === "relu" || activation === "relu6";
}

/** An activation split in two: what a runtime may fuse, and whether the whole is still to be applied. */
export function fusedPart(activation: Activation): FusableActivation {
  return isFusable(activation) ? activation : "linear";
}

/** Applies what {@link fusedPart} left. */
export function applyRest<V>(operations: Operations<V>, x: V, activation: Activation): V {
  return isFusable(activation) ? x : activate(operations, x, activation);
}

/** Applies an activation. Formulas: Keras 3, `keras.activations`; `keras2_hard_sigmoid` of Keras 2. */
export function activate<V>(operations: Operations<V>, x: V, activation: Activation): V {
  if (typeof activation === "object") return operations.leakyRelu(x, activation.negativeSlope);
  const formula: <W>(operations: Operations<W>, x: W) => W = formulas[activation];
  return formula(operations, x);
}

type Formula = <V>(operations: Operations<V>, x: V) => V;

/** scale * x + offset, both numbers. */
function line<V>(o: Operations<V>, x: V, scale: number, offset: number): V {
  const scaled = o.binary("multiply", x, o.constant([scale], []));
  return offset === 0 ? scaled : o.binary("add", scaled, o.constant([offset], []));
}

function times<V>(o: Operations<V>, a: V, b: V): V {
  return o.binary("multiply", a, b);
}

/** x for x >= 0, alpha (exp(x) - 1) below. */
function exponentialLinear<V>(o: Operations<V>, x: V, alpha: number): V {
  const below = o.binary("minimum", x, o.constant([0], []));
  return o.binary("add", o.unary("relu", x), line(o, o.unary("exp", below), alpha, -alpha));
}

/** Constants of S. Klambauer et al., "Self-Normalizing Neural Networks", 2017, as Keras has them. */
const selu = { alpha: 1.6732632423543772, scale: 1.0507009873554805 };

const hardSigmoid: Formula = (o, x) => line(o, o.clip(line(o, x, 1, 3), 0, 6), 1 / 6, 0);

/** Threshold of Keras's `hard_shrink` and `soft_shrink` where they stand as activations. */
const shrinkThreshold = 0.5;

/** 1 for each value of the last axis that all greater ones exceed by less than 1 together, else 0: sparsemax's support. */
function simplexSupport<V>(o: Operations<V>, differences: V, last: number): V {
  const excess = o.reduce("sum", o.unary("relu", differences), [last + 1], false);
  return o.greater(o.unary("negate", excess), -1);
}

/** For each two values of the last axis, by how much the second is greater: a further axis. */
function differencesOf<V>(o: Operations<V>, x: V, last: number): V {
  return o.binary("subtract", o.expandDims(x, [last]), o.expandDims(x, [last + 1]));
}

/** max(x - (sum - 1) / number of values in the support, 0). */
function aboveThreshold<V>(o: Operations<V>, x: V, support: V, sum: V, last: number): V {
  const count = o.reduce("sum", support, [last], true);
  return o.unary("relu", o.binary("subtract", x, o.binary("divide", line(o, sum, 1, -1), count)));
}

/**
 * The point of the simplex next to the values of the last axis; no sorting is needed for its support.
 *
 * Source: A. Martins and R. Astudillo, "From Softmax to Sparsemax", 2016.
 */
function sparsemax<V>(o: Operations<V>, x: V): V {
  const last = o.rank(x) - 1;
  const support = simplexSupport(o, differencesOf(o, x, last), last);
  return aboveThreshold(o, x, support, o.reduce("sum", times(o, x, support), [last], true), last);
}

/**
 * The same with the sum of all cumulative sums of the sorted support in the place of the last one, as Keras 3.8 to 3.15
 * have it. Of equal values each stands half before the other.
 */
function summedSparsemax<V>(o: Operations<V>, x: V): V {
  const last = o.rank(x) - 1;
  const differences = differencesOf(o, x, last);
  const support = simplexSupport(o, differences, last);
  const greater = o.greater(differences, 0);
  const less = o.greater(o.unary("negate", differences), 0);
  const before = line(o, o.binary("subtract", greater, less), 0.5, 0.5);
  const sums = o.reduce("sum", times(o, before, o.expandDims(x, [last])), [last + 1], false);
  // A value is half before itself, too, and counts whole.
  const cumulative = o.binary("add", sums, line(o, x, 0.5, 0));
  return aboveThreshold(o, x, support, o.reduce("sum", times(o, cumulative, support), [last], true), last);
}

const formulas: Readonly<Record<ActivationName, Formula>> = {
  linear: (o, x) => o.identity(x),
  elu: (o, x) => exponentialLinear(o, x, 1),
  exponential: (o, x) => o.unary("exp", x),
  gelu: (o, x) => times(o, line(o, x, 0.5, 0), line(o, o.unary("erf", line(o, x, Math.SQRT1_2, 0)), 1, 1)),
  gelu_approximate(o, x) {
    const cube = times(o, times(o, x, x), x);
    const inner = line(o, o.binary("add", x, line(o, cube, 0.044715, 0)), Math.sqrt(2 / Math.PI), 0);
    return times(o, line(o, x, 0.5, 0), line(o, o.unary("tanh", inner), 1, 1));
  },
  hard_shrink: (o, x) => times(o, x, o.greater(o.unary("abs", x), shrinkThreshold)),
  hard_sigmoid: hardSigmoid,
  hard_silu: (o, x) => times(o, x, hardSigmoid(o, x)),
  hard_tanh: (o, x) => o.clip(x, -1, 1),
  keras2_hard_sigmoid: (o, x) => o.clip(line(o, x, 0.2, 0.5), 0, 1),
  keras3_sparsemax: summedSparsemax,
  log_sigmoid: (o, x) => o.unary("negate", o.unary("softplus", o.unary("negate", x))),
  log_softmax: (o, x) => o.unary("logSoftmax", x),
  mish: (o, x) => times(o, x, o.unary("tanh", o.unary("softplus", x))),
  relu: (o, x) => o.unary("relu", x),
  relu6: (o, x) => o.clip(x, 0, 6),
  selu: (o, x) => line(o, exponentialLinear(o, x, selu.alpha), selu.scale, 0),
  sigmoid: (o, x) => o.unary("sigmoid", x),
  silu: (o, x) => times(o, x, o.unary("sigmoid", x)),
  soft_shrink(o, x) {
    const above = o.unary("relu", line(o, x, 1, -shrinkThreshold));
    return o.binary("subtract", above, o.unary("relu", line(o, x, -1, -shrinkThreshold)));
  },
  softmax: (o, x) => o.softmax(x, o.rank(x) - 1),
  softplus: (o, x) => o.unary("softplus", x),
  softsign: (o, x) => o.binary("divide", x, line(o, o.unary("abs", x), 1, 1)),
  sparse_plus(o, x) {
    const middle = line(o, o.clip(x, -1, 1), 0.5, 0.5);
    return o.binary("add", times(o, middle, middle), o.unary("relu", line(o, x, 1, -1)));
  },
  sparse_sigmoid: (o, x) => line(o, o.clip(x, -1, 1), 0.5, 0.5),
  sparsemax,
  squareplus: (o, x) => line(o, o.binary("add", x, o.unary("sqrt", line(o, times(o, x, x), 1, 4))), 0.5, 0),
  tanh: (o, x) => o.unary("tanh", x),
  tanh_shrink: (o, x) => o.binary("subtract", x, o.unary("tanh", x)),
};

export const activationEvaluators: Evaluators<ActivationConfigs> = {
  Activation: ({ operations, layer, inputs: [x] }) => activate(operations, x, layer.config.activation),
  Softmax: ({ operations, layer, inputs: [x] }) => operations.softmax(x, axisOf(layer.config.axis, operations.rank(x))),
  // Step by step as Keras computes it: a value equal to a threshold other than 0 counts as below it.
  ReLU({ operations: o, layer, inputs: [x] }) {
    const { maxValue, negativeSlope, threshold } = layer.config;
    if (threshold === 0 && maxValue === null) {
      return negativeSlope === 0 ? o.unary("relu", x) : o.leakyRelu(x, negativeSlope);
    }
    if (threshold === 0 && negativeSlope === 0) return o.clip(x, 0, maxValue as number);
    let above = threshold === 0 ? o.unary("relu", x) : times(o, x, o.greater(x, threshold));
    if (maxValue !== null) above = o.clip(above, 0, maxValue);
    if (negativeSlope === 0) return above;
    const below = o.unary("relu", line(o, x, -1, threshold));
    return o.binary("subtract", above, line(o, below, negativeSlope, 0));
  },
  LeakyReLU: ({ operations, layer, inputs: [x] }) => operations.leakyRelu(x, layer.config.negativeSlope),
  ELU: ({ operations, layer, inputs: [x] }) => exponentialLinear(operations, x, layer.config.alpha),
  PReLU({ operations: o, inputs: [x], weightShapes }) {
    const alpha = o.weight({ name: "alpha", shape: [1, ...(weightShapes[0]?.shape ?? [])] });
    return o.binary("subtract", o.unary("relu", x), times(o, alpha, o.unary("relu", o.unary("negate", x))));
  },
};

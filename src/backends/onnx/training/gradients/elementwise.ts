import type { GraphNode } from "../../graph.js";
import { attributeNumber } from "../attributes.js";
import type { GraphWriter } from "../graph-writer.js";
import { type GradientRule, inputOf, outputOf } from "./gradient-rule.js";
import { summedToShape } from "./summed-to-shape.js";

/** From x, the operator's value y and the gradient of y. */
type UnaryGradient = (w: GraphWriter, x: string, y: string, gradient: string, node: GraphNode) => string;

const unaryGradients: Readonly<Record<string, UnaryGradient>> = {
  Identity: (_, _x, _y, gradient) => gradient,
  Neg: (w, _x, _y, gradient) => w.node("Neg", [gradient]),
  Relu: (w, _, y, gradient) => w.where(w.node("Greater", [y, w.scalar(0)]), gradient),
  LeakyRelu(w, x, _, gradient, node) {
    const below = w.scaled(gradient, attributeNumber(node, "alpha", 0.01));
    return w.node("Where", [w.node("Greater", [x, w.scalar(0)]), gradient, below]);
  },
  Sigmoid: (w, _, y, gradient) => w.node("Mul", [gradient, w.node("Mul", [y, oneMinus(w, y)])]),
  Tanh: (w, _, y, gradient) => w.node("Mul", [gradient, oneMinus(w, w.node("Mul", [y, y]))]),
  Exp: (w, _, y, gradient) => w.node("Mul", [gradient, y]),
  Sqrt: (w, _, y, gradient) => w.node("Div", [w.scaled(gradient, 0.5), y]),
  Softplus: (w, x, _, gradient) => w.node("Mul", [gradient, w.node("Sigmoid", [x])]),
  Abs: (w, x, _, gradient) => w.node("Mul", [gradient, w.node("Sign", [x])]),
  // The derivative of erf is 2 / sqrt(pi) * exp(-x^2).
  Erf(w, x, _, gradient) {
    const bell = w.node("Exp", [w.node("Neg", [w.node("Mul", [x, x])])]);
    return w.node("Mul", [gradient, w.scaled(bell, 2 / Math.sqrt(Math.PI))]);
  },
  Clip(w, x, _, gradient, node) {
    const [, least, most] = node.inputs as readonly [string, string, string];
    const inside = w.node("And", [w.node("Greater", [x, least]), w.node("LessOrEqual", [x, most])]);
    return w.where(inside, gradient);
  },
};

/** From a, b and their gradient: the gradients before the axes that were repeated are summed up again. */
type BinaryGradient = readonly [
  (w: GraphWriter, a: string, b: string, gradient: string) => string,
  (w: GraphWriter, a: string, b: string, gradient: string) => string,
];

const binaryGradients: Readonly<Record<string, BinaryGradient>> = {
  Add: [(_, _a, _b, gradient) => gradient, (_, _a, _b, gradient) => gradient],
  Sub: [(_, _a, _b, gradient) => gradient, (w, _a, _b, gradient) => w.node("Neg", [gradient])],
  Mul: [(w, _, b, gradient) => w.node("Mul", [gradient, b]), (w, a, _, gradient) => w.node("Mul", [gradient, a])],
  Div: [
    (w, _, b, gradient) => w.node("Div", [gradient, b]),
    (w, a, b, gradient) => w.node("Neg", [w.node("Div", [w.node("Mul", [gradient, a]), w.node("Mul", [b, b])])]),
  ],
  // Of equal values the first has all of it, as in TensorFlow.
  Max: [
    (w, a, b, gradient) => w.where(w.node("GreaterOrEqual", [a, b]), gradient),
    (w, a, b, gradient) => w.where(w.node("Less", [a, b]), gradient),
  ],
  Min: [
    (w, a, b, gradient) => w.where(w.node("LessOrEqual", [a, b]), gradient),
    (w, a, b, gradient) => w.where(w.node("Greater", [a, b]), gradient),
  ],
};

/** Operators that work on each number by itself. */
export const elementwiseGradients: Readonly<Record<string, GradientRule>> = {
  ...Object.fromEntries(
    Object.entries(unaryGradients).map(([operator, unary]): [string, GradientRule] => [
      operator,
      (node, gradient, { writer }) => [() => unary(writer, inputOf(node, 0), outputOf(node), gradient, node)],
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(binaryGradients).map(([operator, pair]): [string, GradientRule] => [
      operator,
      (node, gradient, context) =>
        pair.map((of, position) => () => {
          const whole = of(context.writer, inputOf(node, 0), inputOf(node, 1), gradient);
          return summedToShape(context, whole, context.shape(outputOf(node)), inputOf(node, position));
        }),
    ]),
  ),
};

function oneMinus(w: GraphWriter, tensor: string): string {
  return w.node("Sub", [w.scalar(1), tensor]);
}

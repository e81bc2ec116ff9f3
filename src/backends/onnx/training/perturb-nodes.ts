import type { Perturbation } from "../../operations.js";
import type { Value } from "../graph-builder.js";
import type { GraphWriter } from "./graph-writer.js";

/** Random numbers that a layer takes in each step. */
export type Noise =
  /** A dropout mask; the axes along which it does not vary have the size 1. */
  | { readonly kind: "mask"; readonly rate: number; readonly per: "value" | "channel" | "row" }
  /** Normally distributed numbers of mean 0 and variance 1. */
  | { readonly kind: "normal"; readonly per: "value" };

/**
 * Adds a change at random, as layers make it while training. Formulas: `keras.layers`.
 *
 * @param input the tensor of random numbers, which a step brings along, with its axes in the order of the value's
 */
export function addPerturbation(
  w: GraphWriter,
  x: Value,
  perturbation: Perturbation,
  input: (noise: Noise) => string,
): Value {
  switch (perturbation.kind) {
    case "dropout": {
      const { rate, per } = perturbation;
      if (rate === 0) return x;
      return { ...x, tensor: w.node("Mul", [x.tensor, input({ kind: "mask", rate, per })]) };
    }
    case "gaussianDropout": {
      const { rate } = perturbation;
      if (rate === 0) return x;
      const deviation = w.scaled(input({ kind: "normal", per: "value" }), Math.sqrt(rate / (1 - rate)));
      return { ...x, tensor: w.node("Mul", [x.tensor, w.node("Add", [deviation, w.scalar(1)])]) };
    }
    case "gaussianNoise": {
      const { stddev } = perturbation;
      if (stddev === 0) return x;
      const noise = w.scaled(input({ kind: "normal", per: "value" }), stddev);
      return { ...x, tensor: w.node("Add", [x.tensor, noise]) };
    }
    case "alphaDropout": {
      const { rate } = perturbation;
      if (rate === 0) return x;
      const kept = w.node("Sign", [input({ kind: "mask", rate, per: "value" })]);
      const a = ((1 - rate) * (1 + rate * dropped ** 2)) ** -0.5;
      const replaced = w.scaled(w.node("Sub", [w.scalar(1), kept]), dropped);
      const mixed = w.node("Add", [w.node("Mul", [x.tensor, kept]), replaced]);
      return { ...x, tensor: w.node("Add", [w.scaled(mixed, a), w.scalar(-a * dropped * rate)]) };
    }
  }
}

/** What AlphaDropout puts in place of a value: the lower end of SELU. */
const dropped = -1.6732632423543772 * 1.0507009873554805;

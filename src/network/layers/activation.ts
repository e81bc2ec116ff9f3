import type { Activation } from "../activation.js";
import type { Layer } from "../layer.js";
import type { ShapeRules, WeightRules } from "../layer-rules.js";
import type { RowShape } from "../row-shape.js";
import { fail, knownSizes, onlyInput, requireFinite, requirePositive, rowAxes, rowAxis } from "./check-shape.js";

/** Activations as layers of their own. */
export interface ActivationConfigs {
  readonly Activation: { readonly activation: Activation };
  /** On one axis; the batch is axis 0. */
  readonly Softmax: { readonly axis: number };
  /** f(x) = maxValue for x >= maxValue, x for threshold <= x, negativeSlope * (x - threshold) below. */
  readonly ReLU: { readonly maxValue: number | null; readonly negativeSlope: number; readonly threshold: number };
  /** x for x >= 0, negativeSlope * x below. */
  readonly LeakyReLU: { readonly negativeSlope: number };
  /** x for x >= 0, alpha * (exp(x) - 1) below. */
  readonly ELU: { readonly alpha: number };
  /** x for x >= 0, alpha * x below. The weight alpha has the shape of a row, 1 along `sharedAxes` (the batch is axis 0). */
  readonly PReLU: { readonly sharedAxes: readonly number[] };
}

export const activationShapes: ShapeRules<ActivationConfigs> = {
  Activation(layer, inputs) {
    const { activation } = layer.config;
    if (typeof activation === "object") requireFinite(layer, "negativeSlope", activation.negativeSlope);
    return onlyInput(layer, inputs);
  },
  Softmax(layer, inputs) {
    const row = onlyInput(layer, inputs);
    rowAxis(layer, "axis", layer.config.axis, row);
    return row;
  },
  ReLU: (layer, inputs) => onlyInput(layer, inputs),
  LeakyReLU(layer, inputs) {
    requireFinite(layer, "negativeSlope", layer.config.negativeSlope);
    return onlyInput(layer, inputs);
  },
  ELU(layer, inputs) {
    requireFinite(layer, "alpha", layer.config.alpha);
    return onlyInput(layer, inputs);
  },
  PReLU(layer, inputs) {
    const row = onlyInput(layer, inputs);
    if (row.length === 0) fail(layer, "takes []: expected at least one axis beside the batch.");
    alphaShape(layer, row);
    return row;
  },
};

export const activationWeights: WeightRules<ActivationConfigs> = {
  PReLU: (layer, input) => [{ name: "alpha", shape: alphaShape(layer, input) }],
};

function alphaShape(layer: Layer<"PReLU">, row: RowShape): readonly number[] {
  // Keras counts a negative axis here from another end than elsewhere; nobody means that.
  for (const axis of layer.config.sharedAxes) requirePositive(layer, "sharedAxes", axis);
  const shared = new Set(rowAxes(layer, "sharedAxes", layer.config.sharedAxes, row));
  return row.map((_, position) => (shared.has(position) ? 1 : (knownSizes(layer, [position], row)[0] as number)));
}

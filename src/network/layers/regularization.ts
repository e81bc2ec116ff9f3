import type { Layer, LayerClassName } from "../layer.js";
import type { ShapeRules } from "../layer-rules.js";
import type { RowShape } from "../row-shape.js";
import { onlyInput, requireRate, spatialInput } from "./check-shape.js";

/** Layers that act while training only. Where a network is run, each passes its input on. */
export interface RegularizationConfigs {
  /** While training, each value is zero with probability `rate`, the rest grows by 1/(1-rate). */
  readonly Dropout: { readonly rate: number };
  /** Whole channels of `[length, channels]`. */
  readonly SpatialDropout1D: { readonly rate: number };
  /** Whole channels of `[height, width, channels]`. */
  readonly SpatialDropout2D: { readonly rate: number };
  readonly GaussianDropout: { readonly rate: number };
  readonly AlphaDropout: { readonly rate: number };
  readonly GaussianNoise: { readonly stddev: number };
  readonly ActivityRegularization: { readonly l1: number; readonly l2: number };
  /** Whole images. Of Keras's ConvNeXt. */
  readonly StochasticDepth: { readonly dropPathRate: number };
}

export const regularizationShapes: ShapeRules<RegularizationConfigs> = {
  Dropout: dropped,
  SpatialDropout1D: dropped,
  SpatialDropout2D: dropped,
  GaussianDropout: dropped,
  AlphaDropout: dropped,
  GaussianNoise: (layer, inputs) => onlyInput(layer, inputs),
  ActivityRegularization: (layer, inputs) => onlyInput(layer, inputs),
  StochasticDepth(layer, inputs) {
    requireRate(layer, "dropPathRate", layer.config.dropPathRate);
    spatialInput(layer, inputs, 2);
    return onlyInput(layer, inputs);
  },
};

/** Whether a layer acts while training only, and else passes its input on. */
export function isRegularization(className: LayerClassName): boolean {
  return Object.hasOwn(regularizationShapes, className);
}

function dropped(
  layer: Layer<"Dropout" | "SpatialDropout1D" | "SpatialDropout2D" | "GaussianDropout" | "AlphaDropout">,
  inputs: readonly RowShape[],
): RowShape {
  requireRate(layer, "rate", layer.config.rate);
  return onlyInput(layer, inputs);
}

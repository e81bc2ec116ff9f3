import type { Activation } from "../activation.js";
import type { ShapeRules, WeightRules } from "../layer-rules.js";
import { knownLastAxis, requirePositive } from "./check-shape.js";

/** Matrix products. */
export interface DenseConfigs {
  /** Kernel `[inputs, units]`, bias `[units]`; acts on the last axis. */
  readonly Dense: { readonly units: number; readonly useBias: boolean; readonly activation: Activation };
}

export const denseShapes: ShapeRules<DenseConfigs> = {
  Dense(layer, inputs) {
    requirePositive(layer, "units", layer.config.units);
    return [...knownLastAxis(layer, inputs).slice(0, -1), layer.config.units];
  },
};

export const denseWeights: WeightRules<DenseConfigs> = {
  Dense({ config: { units, useBias } }, input) {
    const kernel = { name: "kernel", shape: [input.at(-1) ?? 0, units] };
    return useBias ? [kernel, { name: "bias", shape: [units] }] : [kernel];
  },
};

import type { Shape } from "../../ndarray.js";
import type { Layer } from "../layer.js";
import type { ShapeRules, WeightRules, WeightShape } from "../layer-rules.js";
import type { RowShape } from "../row-shape.js";
import { channeledInput, fail, knownLastAxis, knownSizes, onlyInput, requireFinite, rowAxes } from "./check-shape.js";

/** Layers that shift and scale values. Axes are counted as Keras does: the batch is 0, -1 is the last one. */
export interface NormalizationConfigs {
  /** On the last axis. Weights: gamma (if `scale`), beta (if `center`), moving_mean, moving_variance. */
  readonly BatchNormalization: {
    readonly epsilon: number;
    readonly momentum: number;
    readonly scale: boolean;
    readonly center: boolean;
  };
  /** Over the axes named. Weights gamma (if `scale`) and beta (if `center`) have the sizes of these axes. */
  readonly LayerNormalization: {
    readonly axis: readonly number[];
    readonly epsilon: number;
    readonly scale: boolean;
    readonly center: boolean;
  };
  /**
   * Over groups of the last axis together with all axes before it. `groups` of -1 makes each channel a group. Weights
   * gamma (if `scale`) and beta (if `center`), `[channels]`.
   */
  readonly GroupNormalization: {
    readonly groups: number;
    readonly epsilon: number;
    readonly scale: boolean;
    readonly center: boolean;
  };
  /** Divides by the root of the mean square over these axes. The weight scale has the sizes of these axes. */
  readonly RMSNormalization: { readonly axis: readonly number[]; readonly epsilon: number };
  /** Divides by the L2 norm over these axes, of which the square is at least 1e-12. */
  readonly UnitNormalization: { readonly axis: readonly number[] };
  /** x * scale + offset, each one number or one for each channel. */
  readonly Rescaling: { readonly scale: number | readonly number[]; readonly offset: number | readonly number[] };
  /**
   * (x - mean) / max(sqrt(variance), 1e-7), the statistics separate for each place along `axis` (none: one for all); with
   * `invert`, x * max(sqrt(variance), 1e-7) + mean. `mean` and `variance` are given here in row-major order, one number
   * for all or one for each place, or are null: then they are the weights mean, variance and count (a scalar).
   */
  readonly Normalization: {
    readonly axis: readonly number[];
    readonly mean: readonly number[] | null;
    readonly variance: readonly number[] | null;
    readonly invert: boolean;
  };
  /** Images, times the weight gamma, `[projectionDim]`. Of Keras's ConvNeXt; `initValues` is what gamma starts from. */
  readonly LayerScale: { readonly initValues: number; readonly projectionDim: number };
}

export const normalizationShapes: ShapeRules<NormalizationConfigs> = {
  BatchNormalization(layer, inputs) {
    requireEpsilon(layer, layer.config.epsilon);
    return knownLastAxis(layer, inputs);
  },
  LayerNormalization(layer, inputs) {
    const { axis, epsilon, scale, center } = layer.config;
    const row = onlyInput(layer, inputs);
    requireEpsilon(layer, epsilon);
    if (axis.length === 0) fail(layer, "has an empty `axis`: expected at least one.");
    const positions = rowAxes(layer, "axis", axis, row);
    if (scale || center) knownSizes(layer, positions, row);
    return row;
  },
  GroupNormalization(layer, inputs) {
    const { groups, epsilon } = layer.config;
    const row = knownLastAxis(layer, inputs);
    const channels = row.at(-1) as number;
    requireEpsilon(layer, epsilon);
    if (!Number.isInteger(groups) || (groups !== -1 && (groups < 1 || channels % groups !== 0))) {
      fail(layer, `has \`groups\` ${groups}: expected a divisor of its ${channels} channels, or -1.`);
    }
    return row;
  },
  RMSNormalization(layer, inputs) {
    const row = onlyInput(layer, inputs);
    requireEpsilon(layer, layer.config.epsilon);
    if (layer.config.axis.length === 0) fail(layer, "has an empty `axis`: expected at least one.");
    knownSizes(layer, rowAxes(layer, "axis", layer.config.axis, row), row);
    return row;
  },
  UnitNormalization(layer, inputs) {
    const row = onlyInput(layer, inputs);
    rowAxes(layer, "axis", layer.config.axis, row);
    return row;
  },
  Rescaling(layer, inputs) {
    const row = onlyInput(layer, inputs);
    for (const setting of ["scale", "offset"] as const) {
      const value = layer.config[setting];
      for (const number of typeof value === "number" ? [value] : value) requireFinite(layer, setting, number);
      if (typeof value !== "number" && value.length !== row.at(-1)) {
        fail(
          layer,
          `has ${value.length} numbers in \`${setting}\`: expected one, or one for each of ${row.at(-1)} channels.`,
        );
      }
    }
    return row;
  },
  Normalization(layer, inputs) {
    const { axis, mean, variance } = layer.config;
    const row = onlyInput(layer, inputs);
    const positions = rowAxes(layer, "axis", axis, row);
    const places = knownSizes(layer, positions, row).reduce((total, size) => total * size, 1);
    if ((mean === null) !== (variance === null))
      fail(layer, "has one of `mean` and `variance`: expected both or none.");
    for (const values of [mean, variance]) {
      if (values === null || values.length === 1 || values.length === places) continue;
      fail(layer, `has ${values.length} numbers in \`mean\` or \`variance\`: expected 1 or ${places}.`);
    }
    return row;
  },
  LayerScale(layer, inputs) {
    const { projectionDim } = layer.config;
    const { sizes, channels } = channeledInput(layer, inputs, 2);
    if (channels !== projectionDim) {
      fail(layer, `has \`projectionDim\` ${projectionDim}: expected its ${channels} input channels.`);
    }
    return [...sizes, channels];
  },
};

function requireEpsilon(layer: Layer, epsilon: number): void {
  if (!(epsilon >= 0)) fail(layer, `has \`epsilon\` ${epsilon}: expected a number >= 0.`);
}

export const normalizationWeights: WeightRules<NormalizationConfigs> = {
  BatchNormalization({ config }, input) {
    const shape = [input.at(-1) ?? 0];
    return [...scaleAndCenter(config, shape), { name: "moving_mean", shape }, { name: "moving_variance", shape }];
  },
  LayerNormalization(layer, input) {
    const { axis, scale, center } = layer.config;
    if (!scale && !center) return [];
    return scaleAndCenter(layer.config, knownSizes(layer, rowAxes(layer, "axis", axis, input), input));
  },
  GroupNormalization: ({ config }, input) => scaleAndCenter(config, [input.at(-1) ?? 0]),
  RMSNormalization: (layer, input) => [
    { name: "scale", shape: knownSizes(layer, rowAxes(layer, "axis", layer.config.axis, input), input) },
  ],
  Normalization(layer, input) {
    if (layer.config.mean !== null) return [];
    const shape = keptSizes(layer, input);
    return [
      { name: "mean", shape },
      { name: "variance", shape },
      { name: "count", shape: [] },
    ];
  },
  LayerScale: ({ config }) => [{ name: "gamma", shape: [config.projectionDim] }],
};

function keptSizes(layer: Layer<"Normalization">, input: RowShape): Shape {
  return knownSizes(layer, rowAxes(layer, "axis", layer.config.axis, input), input);
}

function scaleAndCenter(
  { scale, center }: { readonly scale: boolean; readonly center: boolean },
  shape: Shape,
): readonly WeightShape[] {
  return [...(scale ? [{ name: "gamma", shape }] : []), ...(center ? [{ name: "beta", shape }] : [])];
}

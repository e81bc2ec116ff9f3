import type { Layer } from "../layer.js";
import type { ShapeRules } from "../layer-rules.js";
import { formatShape, type RowShape } from "../row-shape.js";
import { fail, onlyInput, product, requirePositive } from "./check-shape.js";

/** Layers that change the shape of values, or nothing. */
export interface ShapeConfigs {
  readonly Identity: Record<never, never>;
  readonly Flatten: Record<never, never>;
  /** Without the batch axis; at most one -1. */
  readonly Reshape: { readonly targetShape: readonly number[] };
  /** The axes in another order; the first beside the batch is 1. */
  readonly Permute: { readonly dims: readonly number[] };
  /** `[features]` to `[n, features]`. */
  readonly RepeatVector: { readonly n: number };
}

export const shapeShapes: ShapeRules<ShapeConfigs> = {
  Identity: (layer, inputs) => onlyInput(layer, inputs),
  Flatten: (layer, inputs) => [product(onlyInput(layer, inputs))],
  Reshape: (layer, inputs) => reshaped(layer, layer.config.targetShape, onlyInput(layer, inputs)),
  Permute(layer, inputs) {
    const { dims } = layer.config;
    const row = onlyInput(layer, inputs);
    const sorted = [...dims].sort((a, b) => a - b);
    if (dims.length !== row.length || sorted.some((axis, at) => axis !== at + 1)) {
      fail(layer, `has \`dims\` [${dims.join(", ")}]: expected each of 1..${row.length} once for ${formatShape(row)}.`);
    }
    return dims.map((axis) => row[axis - 1] as number | null);
  },
  RepeatVector(layer, inputs) {
    const row = onlyInput(layer, inputs);
    requirePositive(layer, "n", layer.config.n);
    if (row.length !== 1) fail(layer, `takes ${formatShape(row)}: expected [features].`);
    return [layer.config.n, ...row];
  },
};

function reshaped(layer: Layer, target: readonly number[], input: RowShape): RowShape {
  const open = target.filter((axis) => axis === -1).length;
  if (open > 1 || target.some((axis) => !Number.isInteger(axis) || axis < -1 || axis === 0)) {
    fail(layer, `has \`targetShape\` ${formatShape(target)}: expected integers >= 1 and at most one -1.`);
  }
  const known = target.reduce((total, axis) => (axis === -1 ? total : total * axis), 1);
  const total = product(input);
  if (total === null) return target.map((axis) => (axis === -1 ? null : axis));
  if (open === 0 ? total !== known : total % known !== 0) {
    fail(
      layer,
      `takes ${formatShape(input)}, ${total} values: they do not fit \`targetShape\` ${formatShape(target)}.`,
    );
  }
  return target.map((axis) => (axis === -1 ? total / known : axis));
}

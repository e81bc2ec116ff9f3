import type { Layer } from "../layer.js";
import type { ShapeRules } from "../layer-rules.js";
import { formatShape, type RowShape } from "../row-shape.js";
import { fail, onlyInput, requireFinite, rowAxis } from "./check-shape.js";

/**
 * Layers of several inputs. All but Concatenate work value by value; an axis of size 1 is repeated to the size of the
 * others', and an input with fewer axes gets ones in front of its own.
 */
export interface MergingConfigs {
  /** Along one axis; the batch is axis 0. */
  readonly Concatenate: { readonly axis: number };
  readonly Add: Record<never, never>;
  /** The first minus the second. */
  readonly Subtract: Record<never, never>;
  readonly Multiply: Record<never, never>;
  readonly Average: Record<never, never>;
  readonly Maximum: Record<never, never>;
  readonly Minimum: Record<never, never>;
  /**
   * Products of two inputs summed over one axis of each (the batch is axis 0): what is left of the first one's axes, then
   * of the second's. With `normalize` each is first divided by its L2 norm over that axis, which is at least 1e-7.
   */
  readonly Dot: { readonly axes: readonly [number, number]; readonly normalize: boolean };
  /** The first plus `scale` times the second. Of Keras's InceptionResNetV2. */
  readonly CustomScaleLayer: { readonly scale: number };
}

export const mergingShapes: ShapeRules<MergingConfigs> = {
  Concatenate: (layer, inputs) => concatenated(layer, layer.config.axis, inputs),
  Add: merged,
  Subtract: merged,
  Multiply: merged,
  Average: merged,
  Maximum: merged,
  Minimum: merged,
  Dot: dotted,
  CustomScaleLayer(layer, inputs) {
    requireFinite(layer, "scale", layer.config.scale);
    return merged(layer, inputs);
  },
};

function concatenated(layer: Layer, axis: number, inputs: readonly RowShape[]): RowShape {
  const first = onlyInput(layer, inputs);
  const position = rowAxis(layer, "axis", axis, first);
  const fits = inputs.every(
    (shape) =>
      shape.length === first.length &&
      shape.every((size, at) => at === position || size === null || first[at] === null || size === first[at]),
  );
  if (!fits) {
    fail(
      layer,
      `takes ${inputs.map(formatShape).join(" and ")}: expected shapes that differ in axis ${axis} (batch is axis 0) only.`,
    );
  }
  return first.map((_, at) => {
    const sizes = inputs.map((shape) => shape[at] as number | null);
    if (at !== position) return sizes.find((size) => size !== null) ?? null;
    return sizes.reduce((sum, size) => (sum === null || size === null ? null : sum + size), 0);
  });
}

function dotted(layer: Layer<"Dot">, [first = [], second = []]: readonly RowShape[]): RowShape {
  const [firstAt, secondAt] = [first, second].map((row, at) => rowAxis(layer, "axes", layer.config.axes[at] ?? 0, row));
  const [a, b] = [first[firstAt ?? 0], second[secondAt ?? 0]];
  if (a !== b && a !== null && b !== null) {
    fail(layer, `takes ${formatShape(first)} and ${formatShape(second)}: expected equal sizes along \`axes\`.`);
  }
  for (const row of [first, second]) {
    if (row.length > 2 && row.includes(null)) {
      fail(layer, `takes ${formatShape(row)}: expected known sizes where an input has more than two axes.`);
    }
  }
  const rest = [...first.filter((_, at) => at !== firstAt), ...second.filter((_, at) => at !== secondAt)];
  return rest.length === 0 ? [1] : rest;
}

function merged(layer: Layer, inputs: readonly RowShape[]): RowShape {
  onlyInput(layer, inputs);
  const rank = Math.max(...inputs.map((shape) => shape.length));
  const rows = inputs.map((shape) => [...new Array<number>(rank - shape.length).fill(1), ...shape]);
  return Array.from({ length: rank }, (_, at) => {
    const sizes = new Set(rows.map((row) => row[at] as number | null).filter((size) => size !== 1));
    const known = [...sizes].filter((size) => size !== null);
    if (known.length > 1) {
      fail(layer, `takes ${inputs.map(formatShape).join(" and ")}: expected equal shapes, or 1 where they differ.`);
    }
    if (known.length === 1) return known[0] as number;
    return sizes.size === 0 ? 1 : null;
  });
}

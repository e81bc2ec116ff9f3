/** Shape of one row of a layer's values, without the batch axis; `null` is an axis of any size. */
export type RowShape = readonly (number | null)[];

/** Writes a shape as messages show it: `[null, null, 3]`. */
export function formatShape(shape: RowShape): string {
  return `[${shape.map((axis) => String(axis)).join(", ")}]`;
}

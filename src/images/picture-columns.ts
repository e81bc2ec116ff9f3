import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import type { BatchColumn } from "../hdf5/column-reader.js";
import type { NdArray } from "../ndarray.js";
import { describeValue } from "../options/check-option.js";
import type { SourceImage } from "./image-source.js";

/** Numbers that belong to pictures, by name: for each picture one, or with `[pictures, k]` some. */
export type PictureColumns = Readonly<Record<string, ArrayLike<number> | NdArray>>;

/**
 * Pictures with further numbers beside those that they have.
 *
 * @throws InvalidArgumentError for values that are no numbers
 * @throws ShapeMismatchError if there is not a value for each picture
 */
export function withColumns(images: readonly SourceImage[], columns: PictureColumns): readonly SourceImage[] {
  if (typeof columns !== "object" || columns === null) {
    throw new InvalidArgumentError(
      `\`columns\` is ${describeValue(columns)}: expected numbers for each picture by name, such as { weight: [1, 0.5] }.`,
    );
  }
  const given = Object.entries(columns).map(([name, values]) => [name, valuesOf(name, values, images.length)] as const);
  if (given.length === 0) return images;
  return images.map((image, at) => ({
    ...image,
    columns: { ...image.columns, ...Object.fromEntries(given.map(([name, valueAt]) => [name, valueAt(at)])) },
  }));
}

function valuesOf(
  name: string,
  values: PictureColumns[string],
  count: number,
): (at: number) => number | readonly number[] {
  const { shape, data } = isNdArray(values) ? values : { shape: [values?.length], data: values };
  const [rows = 0, width = 1] = shape;
  if (typeof data !== "object" || !Number.isInteger(rows)) {
    throw new InvalidArgumentError(
      `Column "${name}" of pictures is ${describeValue(values)}: expected a list of numbers, or an array [pictures, k].`,
    );
  }
  if (rows !== count || shape.length > 2 || data.length !== rows * width) {
    throw new ShapeMismatchError(
      `Column "${name}" has values of shape [${shape.join(", ")}] for ${count} pictures: expected [${count}], or [${count}, k].`,
      { expected: [count], received: shape },
    );
  }
  const numbers = Float64Array.from(data as ArrayLike<number>, (value, at) => {
    if (typeof value === "number" || typeof value === "bigint") return Number(value);
    throw new InvalidArgumentError(
      `Column "${name}" of pictures has ${describeValue(value)} as value ${at}: expected a number.`,
    );
  });
  if (shape.length === 1) return (at) => numbers[at] as number;
  return (at) => Array.from(numbers.subarray(at * width, (at + 1) * width));
}

function isNdArray(values: PictureColumns[string]): values is NdArray {
  return Array.isArray((values as Partial<NdArray> | null | undefined)?.shape);
}

/** Gives the columns of some pictures, by their places: `[rows]`, or `[rows, k]`. */
export type ReadPictureColumns = (places: Uint32Array) => Readonly<Record<string, BatchColumn>>;

/**
 * Gathers the columns of pictures.
 *
 * @throws InvalidArgumentError if not all pictures have the same
 */
export function readPictureColumns(images: readonly SourceImage[]): ReadPictureColumns {
  const widths = Object.entries(images[0]?.columns ?? {}).map(([name, value]) => [name, widthOf(value)] as const);
  for (const { name, columns = {} } of images) {
    const differs =
      Object.keys(columns).length !== widths.length || widths.some(([key, width]) => widthOf(columns[key]) !== width);
    if (!differs) continue;
    const list = (own: SourceImage["columns"]) =>
      Object.entries(own ?? {})
        .map(([key, value]) => `"${key}" (${widthOf(value) ?? "one number"})`)
        .join(", ") || "none";
    throw new InvalidArgumentError(
      `"${name}" has other columns than the first picture: ${list(columns)} instead of ${list(images[0]?.columns)}. Give every picture the same.`,
    );
  }
  return (places) =>
    Object.fromEntries(
      widths.map(([key, width]): [string, NdArray<"float64">] => {
        const data = new Float64Array(places.length * (width ?? 1));
        for (const [row, place] of places.entries()) {
          const value = images[place]?.columns?.[key] as number | readonly number[];
          data.set(typeof value === "number" ? [value] : value, row * (width ?? 1));
        }
        return [key, { dtype: "float64", shape: [places.length, ...(width === undefined ? [] : [width])], data }];
      }),
    );
}

/** How many numbers a picture has; undefined for one that stands alone, -1 for none. */
function widthOf(value: number | readonly number[] | undefined): number | undefined {
  if (value === undefined) return -1;
  return typeof value === "number" ? undefined : value.length;
}

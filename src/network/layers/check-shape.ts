import { InvalidNetworkError } from "../../errors.js";
import type { Layer, Padding } from "../layer.js";
import { formatShape, type RowShape } from "../row-shape.js";

/** Refuses a layer. */
export function fail(layer: Layer, fault: string): never {
  throw new InvalidNetworkError(`Layer "${layer.name}" (${layer.className}) ${fault}`, { layer: layer.name });
}

/** Requires a setting to be an integer of at least 1. */
export function requirePositive(layer: Layer, setting: string, value: number): void {
  requireInteger(layer, setting, value, 1);
}

/** Requires a setting to be an integer of at least some number. */
export function requireInteger(layer: Layer, setting: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    fail(layer, `has \`${setting}\` ${value}: expected an integer >= ${least}.`);
  }
}

/** Requires a setting to be a finite number. */
export function requireFinite(layer: Layer, setting: string, value: number): void {
  if (!Number.isFinite(value)) fail(layer, `has \`${setting}\` ${value}: expected a finite number.`);
}

/** Requires a rate in 0..1. */
export function requireRate(layer: Layer, setting: string, value: number): void {
  if (!(value >= 0 && value <= 1)) fail(layer, `has \`${setting}\` ${value}: expected a number in 0..1.`);
}

/** Shape of the first input. */
export function onlyInput(layer: Layer, inputs: readonly RowShape[]): RowShape {
  const [shape] = inputs;
  if (shape === undefined) fail(layer, "has no input: expected exactly 1.");
  return shape;
}

/** Shape of an input with some axes of space and one of channels. */
export interface SpatialShape {
  readonly sizes: RowShape;
  readonly channels: number | null;
}

const spatialAxes = [[], ["length"], ["height", "width"]] as const;

/** The shape of the first input, which must have this many axes beside the channels: 1 for rows, 2 for images. */
export function spatialInput(layer: Layer, inputs: readonly RowShape[], rank: 1 | 2): SpatialShape {
  const shape = onlyInput(layer, inputs);
  const channels = shape.at(-1);
  if (shape.length !== rank + 1 || channels === undefined) {
    fail(layer, `takes ${formatShape(shape)}: expected [${[...spatialAxes[rank], "channels"].join(", ")}].`);
  }
  return { sizes: shape.slice(0, -1), channels };
}

/** The same with a known number of channels, on which weights depend. */
export function channeledInput(
  layer: Layer,
  inputs: readonly RowShape[],
  rank: 1 | 2,
): SpatialShape & { readonly channels: number } {
  const { sizes, channels } = spatialInput(layer, inputs, rank);
  if (channels === null) {
    fail(layer, `takes ${formatShape([...sizes, null])}: its weights need a known number of channels.`);
  }
  return { sizes, channels };
}

/** The shape of the first input, whose last axis must be known. */
export function knownLastAxis(layer: Layer, inputs: readonly RowShape[]): RowShape {
  const shape = onlyInput(layer, inputs);
  if (shape.length === 0) fail(layer, "takes []: expected at least one axis beside the batch.");
  if (shape.at(-1) === null) {
    fail(
      layer,
      `takes ${formatShape(shape)}: its weights need a known last axis. Give the network's input a fixed size.`,
    );
  }
  return shape;
}

/** A window that moves along the axes of space. */
export interface WindowSettings {
  readonly size: readonly number[];
  readonly strides: readonly number[];
  readonly dilationRate: readonly number[];
  readonly padding: Padding | "causal";
}

/** Sizes that are left of an input's after a window has moved over it. */
export function windowedSizes(layer: Layer, sizes: RowShape, window: WindowSettings): RowShape {
  const reach = checkWindow(layer, window);
  return sizes.map((size, axis) => {
    const stride = window.strides[axis] as number;
    const span = reach[axis] as number;
    if (size === null) return null;
    if (window.padding !== "valid") return Math.ceil(size / stride);
    if (size < span) {
      const name = spatialAxes[sizes.length as 1 | 2][axis];
      fail(
        layer,
        `takes an input of ${name} ${size}, smaller than its window of ${span}: expected at least ${span}. Use a larger image.`,
      );
    }
    return Math.floor((size - span) / stride) + 1;
  });
}

/** Checks a window's settings and gives what it spans, its dilation included. */
export function checkWindow(layer: Layer, window: WindowSettings): readonly number[] {
  const { size, strides, dilationRate } = window;
  for (const [setting, value] of [
    ["window size", size],
    ["strides", strides],
    ["dilationRate", dilationRate],
  ] as const) {
    for (const axis of value) {
      if (!Number.isInteger(axis) || axis < 1) {
        fail(layer, `has \`${setting}\` [${value.join(", ")}]: expected integers >= 1.`);
      }
    }
  }
  if (strides.some((stride) => stride > 1) && dilationRate.some((rate) => rate > 1)) {
    fail(layer, "has both `strides` and `dilationRate` above 1: Keras allows one of them.");
  }
  return size.map((length, axis) => (length - 1) * (dilationRate[axis] as number) + 1);
}

/**
 * An axis as Keras counts it, where the batch is 0, as a position in a row's shape.
 *
 * @param first the first axis that is allowed
 */
export function rowAxis(layer: Layer, setting: string, axis: number, row: RowShape): number {
  const position = axis < 0 ? row.length + axis : axis - 1;
  if (!Number.isInteger(axis) || position < 0 || position >= row.length) {
    fail(
      layer,
      `has \`${setting}\` ${axis}: expected -${row.length}..-1 or 1..${row.length} for ${formatShape(row)} (batch is axis 0).`,
    );
  }
  return position;
}

/** Several axes as positions in a row's shape, in ascending order. */
export function rowAxes(layer: Layer, setting: string, axes: readonly number[], row: RowShape): readonly number[] {
  const positions = axes.map((axis) => rowAxis(layer, setting, axis, row)).sort((a, b) => a - b);
  if (new Set(positions).size !== positions.length) {
    fail(layer, `has \`${setting}\` [${axes.join(", ")}]: expected each axis once.`);
  }
  return positions;
}

/** Sizes of these positions of a row, all of which must be known. */
export function knownSizes(layer: Layer, positions: readonly number[], row: RowShape): readonly number[] {
  return positions.map((position) => {
    const size = row[position];
    if (typeof size !== "number")
      fail(layer, `takes ${formatShape(row)}: its weights need a known axis ${position + 1}.`);
    return size;
  });
}

/** Product of all axes; null if one is not known. */
export function product(shape: RowShape): number | null {
  return shape.reduce((total, axis) => (total === null || axis === null ? null : total * axis), 1);
}

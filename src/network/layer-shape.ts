import { InvalidNetworkError } from "../errors.js";
import type { Layer, Padding, Size2D } from "./layer.js";

/** Shape of one row of a layer's values, without the batch axis; `null` is an axis of any size. */
export type RowShape = readonly (number | null)[];

/** Writes a shape as messages show it: `[null, null, 3]`. */
export function formatShape(shape: RowShape): string {
  return `[${shape.map((axis) => String(axis)).join(", ")}]`;
}

/**
 * Shape of a layer's output from the shapes of its inputs, by Keras's rules for `channels_last`. Also checks that the
 * layer's settings make sense for these inputs. An InputLayer gives its own shape.
 *
 * @throws InvalidNetworkError naming the layer, what it expects and what came
 */
export function inferLayerShape(layer: Layer, inputs: readonly RowShape[]): RowShape {
  switch (layer.className) {
    case "InputLayer":
      for (const axis of layer.config.shape) if (axis !== null) requirePositive(layer, "shape", axis);
      return layer.config.shape;
    case "Conv2D": {
      const { filters, kernelSize, strides, padding, dilationRate, groups } = layer.config;
      const [height, width, channels] = imageInput(layer, inputs, true);
      requirePositive(layer, "filters", filters);
      requirePositive(layer, "groups", groups);
      if ((channels as number) % groups !== 0 || filters % groups !== 0) {
        fail(
          layer,
          `has ${groups} groups: expected a divisor of both its ${channels} input channels and ${filters} filters.`,
        );
      }
      const window = checkWindow(layer, kernelSize, strides, dilationRate);
      return [
        windowed(layer, "height", height, window[0], strides[0], padding),
        windowed(layer, "width", width, window[1], strides[1], padding),
        filters,
      ];
    }
    case "DepthwiseConv2D": {
      const { depthMultiplier, kernelSize, strides, padding, dilationRate } = layer.config;
      const [height, width, channels] = imageInput(layer, inputs, true);
      requirePositive(layer, "depthMultiplier", depthMultiplier);
      const window = checkWindow(layer, kernelSize, strides, dilationRate);
      return [
        windowed(layer, "height", height, window[0], strides[0], padding),
        windowed(layer, "width", width, window[1], strides[1], padding),
        (channels as number) * depthMultiplier,
      ];
    }
    case "MaxPooling2D":
    case "AveragePooling2D": {
      const { poolSize, strides, padding } = layer.config;
      const [height, width, channels] = imageInput(layer, inputs, false);
      const window = checkWindow(layer, poolSize, strides, [1, 1]);
      return [
        windowed(layer, "height", height, window[0], strides[0], padding),
        windowed(layer, "width", width, window[1], strides[1], padding),
        channels,
      ];
    }
    case "GlobalAveragePooling2D":
    case "GlobalMaxPooling2D": {
      const [, , channels] = imageInput(layer, inputs, false);
      return layer.config.keepdims ? [1, 1, channels] : [channels];
    }
    case "ZeroPadding2D": {
      const [height, width, channels] = imageInput(layer, inputs, false);
      const [[top, bottom], [left, right]] = layer.config.padding;
      for (const count of [top, bottom, left, right]) {
        if (!Number.isInteger(count) || count < 0) {
          fail(layer, `has \`padding\` [[${top}, ${bottom}], [${left}, ${right}]]: expected integers >= 0.`);
        }
      }
      return [height === null ? null : height + top + bottom, width === null ? null : width + left + right, channels];
    }
    case "Dense": {
      requirePositive(layer, "units", layer.config.units);
      return [...knownLastAxis(layer, inputs).slice(0, -1), layer.config.units];
    }
    case "BatchNormalization": {
      const { epsilon } = layer.config;
      if (!(epsilon >= 0)) fail(layer, `has \`epsilon\` ${epsilon}: expected a number >= 0.`);
      return knownLastAxis(layer, inputs);
    }
    case "PreprocessInput": {
      const shape = onlyInput(layer, inputs);
      if (layer.config.mode !== "none" && shape.at(-1) !== 3) {
        fail(layer, `takes ${formatShape(shape)}: expected RGB images, [height, width, 3].`);
      }
      return shape;
    }
    case "Concatenate":
      return concatenated(layer, layer.config.axis, inputs);
    case "Add":
      return added(layer, inputs);
    case "Flatten":
      return [product(onlyInput(layer, inputs))];
    case "Reshape":
      return reshaped(layer, layer.config.targetShape, onlyInput(layer, inputs));
    case "Dropout": {
      const { rate } = layer.config;
      if (!(rate >= 0 && rate <= 1)) fail(layer, `has \`rate\` ${rate}: expected a number in 0..1.`);
      return onlyInput(layer, inputs);
    }
    case "Activation":
    case "ReLU":
      return onlyInput(layer, inputs);
  }
}

function fail(layer: Layer, fault: string): never {
  throw new InvalidNetworkError(`Layer "${layer.name}" (${layer.className}) ${fault}`, { layer: layer.name });
}

function requirePositive(layer: Layer, setting: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) fail(layer, `has \`${setting}\` ${value}: expected an integer >= 1.`);
}

function onlyInput(layer: Layer, inputs: readonly RowShape[]): RowShape {
  const [shape] = inputs;
  if (shape === undefined) fail(layer, "has no input: expected exactly 1.");
  return shape;
}

function imageInput(
  layer: Layer,
  inputs: readonly RowShape[],
  channelsKnown: boolean,
): readonly [number | null, number | null, number | null] {
  const shape = onlyInput(layer, inputs);
  const [height, width, channels] = shape;
  if (shape.length !== 3 || height === undefined || width === undefined || channels === undefined) {
    fail(layer, `takes ${formatShape(shape)}: expected [height, width, channels].`);
  }
  if (channelsKnown && channels === null) {
    fail(layer, `takes ${formatShape(shape)}: its weights need a known number of channels.`);
  }
  return [height, width, channels];
}

function knownLastAxis(layer: Layer, inputs: readonly RowShape[]): RowShape {
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

/** Size of a window once spread by its dilation. */
function checkWindow(layer: Layer, size: Size2D, strides: Size2D, dilation: Size2D): Size2D {
  for (const [setting, value] of [
    ["window size", size],
    ["strides", strides],
    ["dilationRate", dilation],
  ] as const) {
    for (const axis of value) {
      if (!Number.isInteger(axis) || axis < 1) {
        fail(layer, `has \`${setting}\` [${value.join(", ")}]: expected integers >= 1.`);
      }
    }
  }
  const strided = strides[0] > 1 || strides[1] > 1;
  if (strided && (dilation[0] > 1 || dilation[1] > 1)) {
    fail(layer, "has both `strides` and `dilationRate` above 1: Keras allows one of them.");
  }
  return [(size[0] - 1) * dilation[0] + 1, (size[1] - 1) * dilation[1] + 1];
}

function windowed(
  layer: Layer,
  axis: "height" | "width",
  size: number | null,
  window: number,
  stride: number,
  padding: Padding,
): number | null {
  if (size === null) return null;
  if (padding === "same") return Math.ceil(size / stride);
  if (size < window) {
    fail(
      layer,
      `takes an input of ${axis} ${size}, smaller than its window of ${window}: expected at least ${window}. Use a larger image.`,
    );
  }
  return Math.floor((size - window) / stride) + 1;
}

function concatenated(layer: Layer, axis: number, inputs: readonly RowShape[]): RowShape {
  const first = onlyInput(layer, inputs);
  // Keras counts the batch as axis 0, which rows do not have.
  const position = axis < 0 ? first.length + axis : axis - 1;
  if (!Number.isInteger(axis) || position < 0 || position >= first.length) {
    fail(layer, `has \`axis\` ${axis}: expected -1 or 1..${first.length} for ${formatShape(first)}.`);
  }
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

function added(layer: Layer, inputs: readonly RowShape[]): RowShape {
  const first = onlyInput(layer, inputs);
  const fits = inputs.every(
    (shape) =>
      shape.length === first.length &&
      shape.every((size, at) => size === null || first[at] === null || size === first[at]),
  );
  if (!fits) fail(layer, `takes ${inputs.map(formatShape).join(" and ")}: expected equal shapes.`);
  return first.map((_, at) => inputs.map((shape) => shape[at] as number | null).find((size) => size !== null) ?? null);
}

function product(shape: RowShape): number | null {
  return shape.reduce((total, axis) => (total === null || axis === null ? null : total * axis), 1);
}

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

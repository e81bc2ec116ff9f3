import type { Size2D } from "../layer.js";
import type { ShapeRules } from "../layer-rules.js";
import { formatShape, type RowShape } from "../row-shape.js";
import { fail, requireInteger, requirePositive, spatialInput } from "./check-shape.js";

/** How values between pixels are found; the centres of the pixels stand at halves, as in TensorFlow 2. */
export type LayerInterpolation = "nearest" | "bilinear";

/** How {@link ResizingConfigs.Resizing} finds them; formulas: TensorFlow's `resize_bicubic` and `scale_and_translate`. */
export type ResizingInterpolation = LayerInterpolation | "bicubic" | "lanczos3" | "lanczos5";

/** Layers that change the size of rows `[length, channels]` and images `[height, width, channels]`. */
export interface ResizingConfigs {
  /** `[before, after]`. */
  readonly ZeroPadding1D: { readonly padding: Size2D };
  /** `[[top, bottom], [left, right]]`. */
  readonly ZeroPadding2D: { readonly padding: readonly [Size2D, Size2D] };
  /** `[before, after]`. */
  readonly Cropping1D: { readonly cropping: Size2D };
  /** `[[top, bottom], [left, right]]`. */
  readonly Cropping2D: { readonly cropping: readonly [Size2D, Size2D] };
  /** Repeats each value. */
  readonly UpSampling1D: { readonly size: number };
  readonly UpSampling2D: { readonly size: Size2D; readonly interpolation: LayerInterpolation };
  /**
   * To this size, whatever the aspect ratio. With `antialias` a window that grows as the image shrinks; it, bicubic and
   * Lanczos need images of a known size.
   */
  readonly Resizing: {
    readonly height: number;
    readonly width: number;
    readonly interpolation: ResizingInterpolation;
    readonly antialias: boolean;
  };
  /** The middle of an image, which must be at least as large. */
  readonly CenterCrop: { readonly height: number; readonly width: number };
}

export const resizingShapes: ShapeRules<ResizingConfigs> = {
  ZeroPadding1D(layer, inputs) {
    const { sizes, channels } = spatialInput(layer, inputs, 1);
    for (const count of layer.config.padding) requireInteger(layer, "padding", count, 0);
    return [...grown(sizes, [layer.config.padding]), channels];
  },
  ZeroPadding2D(layer, inputs) {
    const { sizes, channels } = spatialInput(layer, inputs, 2);
    const [[top, bottom], [left, right]] = layer.config.padding;
    for (const count of [top, bottom, left, right]) {
      if (!Number.isInteger(count) || count < 0) {
        fail(layer, `has \`padding\` [[${top}, ${bottom}], [${left}, ${right}]]: expected integers >= 0.`);
      }
    }
    return [...grown(sizes, layer.config.padding), channels];
  },
  Cropping1D(layer, inputs) {
    const { sizes, channels } = spatialInput(layer, inputs, 1);
    for (const count of layer.config.cropping) requireInteger(layer, "cropping", count, 0);
    return [...cropped(sizes, [layer.config.cropping], (fault) => fail(layer, fault)), channels];
  },
  Cropping2D(layer, inputs) {
    const { sizes, channels } = spatialInput(layer, inputs, 2);
    for (const count of layer.config.cropping.flat()) requireInteger(layer, "cropping", count, 0);
    return [...cropped(sizes, layer.config.cropping, (fault) => fail(layer, fault)), channels];
  },
  UpSampling1D(layer, inputs) {
    const { sizes, channels } = spatialInput(layer, inputs, 1);
    requirePositive(layer, "size", layer.config.size);
    return [...sizes.map((size) => (size === null ? null : size * layer.config.size)), channels];
  },
  UpSampling2D(layer, inputs) {
    const { sizes, channels } = spatialInput(layer, inputs, 2);
    for (const factor of layer.config.size) requirePositive(layer, "size", factor);
    return [
      ...sizes.map((size, axis) => (size === null ? null : size * (layer.config.size[axis] as number))),
      channels,
    ];
  },
  Resizing(layer, inputs) {
    const { sizes, channels } = spatialInput(layer, inputs, 2);
    const { height, width } = layer.config;
    requirePositive(layer, "height", height);
    requirePositive(layer, "width", width);
    if (isResampled(layer.config) && [...sizes, channels].includes(null)) {
      fail(layer, `takes ${formatShape(inputs[0] ?? [])}: expected images of a known size for its interpolation.`);
    }
    return [height, width, channels];
  },
  CenterCrop(layer, inputs) {
    const { sizes, channels } = spatialInput(layer, inputs, 2);
    const { height, width } = layer.config;
    requirePositive(layer, "height", height);
    requirePositive(layer, "width", width);
    const [inputHeight, inputWidth] = sizes;
    if (typeof inputHeight !== "number" || typeof inputWidth !== "number") {
      fail(layer, "takes images of unknown size: expected a known one, as a smaller image would be enlarged.");
    }
    if (inputHeight < height || inputWidth < width) {
      fail(layer, `takes images of ${inputHeight}x${inputWidth}: expected at least its own ${height}x${width}.`);
    }
    return [height, width, channels];
  },
};

/** Whether a Resizing takes other pixels than the two next to a place. */
export function isResampled({ interpolation, antialias }: ResizingConfigs["Resizing"]): boolean {
  return interpolation !== "nearest" && (interpolation !== "bilinear" || antialias);
}

function grown(sizes: RowShape, padding: readonly Size2D[]): RowShape {
  return sizes.map((size, axis) => {
    const [before, after] = padding[axis] as Size2D;
    return size === null ? null : size + before + after;
  });
}

function cropped(sizes: RowShape, cropping: readonly Size2D[], refuse: (fault: string) => never): RowShape {
  return sizes.map((size, axis) => {
    const [before, after] = cropping[axis] as Size2D;
    if (size === null) return null;
    if (before + after >= size)
      refuse(`takes away ${before} and ${after} of ${size} values: expected that some are left.`);
    return size - before - after;
  });
}

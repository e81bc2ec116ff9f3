import { UnsupportedError } from "../../errors.js";
import type { Layer, Size2D } from "../../network/layer.js";
import { formatShape } from "../../network/layer-shape.js";
import type { CustomLayer, LayerComposition } from "../custom-layer.js";

/** Height and width of the images that a layer takes, which must be known. */
export function imageSize({ name, className, inputShapes }: CustomLayer): Size2D {
  const row = inputShapes[0] ?? [];
  const [height, width] = row;
  if (row.length === 3 && typeof height === "number" && typeof width === "number") return [height, width];
  throw new UnsupportedError(
    `Layer "${name}" (${className}) of the Keras model takes ${formatShape(row)}: it can be run for images of a known size only. Give the model's input a fixed height and width.`,
  );
}

/** What of an axis has the wanted aspect: TensorFlow computes it in float32 and cuts the fraction off. */
function fraction(other: number, wanted: number, otherWanted: number): number {
  return Math.trunc(Math.fround(Math.fround(other * wanted) / otherWanted));
}

const half = (size: number): number => Math.trunc(size / 2);

/**
 * The largest part of an image in its middle that has the aspect ratio of a size, enlarged or made smaller to that size.
 * Source: `crop_to_aspect_ratio` of Keras's `image.resize`, and `smart_resize`, which is the same.
 */
export function croppedToAspect(
  [toHeight, toWidth]: Size2D,
  resize: (name: string, inputs: readonly string[]) => Layer,
): (custom: CustomLayer) => LayerComposition {
  return (custom) => {
    const [height, width] = imageSize(custom);
    const cropHeight = Math.max(1, Math.min(height, fraction(width, toHeight, toWidth)));
    const cropWidth = Math.max(1, Math.min(width, fraction(height, toWidth, toHeight)));
    const top = half(height - cropHeight);
    const left = half(width - cropWidth);
    const cropping = [
      [top, height - cropHeight - top],
      [left, width - cropWidth - left],
    ] as const;
    return {
      layers: [
        { className: "Cropping2D", name: "cropped", inputs: custom.inputs, config: { cropping } },
        resize("resized", ["cropped"]),
      ],
      output: "resized",
    };
  };
}

/** An image with a border that gives it the aspect ratio of a size. Source: `pad_to_aspect_ratio` of `image.resize`. */
export function paddedToAspect(
  [toHeight, toWidth]: Size2D,
  fill: number,
  resize: (name: string, inputs: readonly string[]) => Layer,
): (custom: CustomLayer) => LayerComposition {
  return (custom) => {
    const [height, width] = imageSize(custom);
    // Keras puts half of what is missing on both sides, so that an odd rest is left out.
    const rows = half(Math.max(height, fraction(width, toHeight, toWidth)) - height);
    const columns = half(Math.max(width, fraction(height, toWidth, toHeight)) - width);
    const padding = [
      [rows, rows],
      [columns, columns],
    ] as const;
    // Zeros are put around the difference from the filling, which is then added again.
    const moved = (name: string, inputs: readonly string[], offset: number): readonly Layer[] =>
      fill === 0 ? [] : [{ className: "Rescaling", name, inputs, config: { scale: 1, offset } }];
    const inner = fill === 0 ? custom.inputs : ["difference"];
    return {
      layers: [
        ...moved("difference", custom.inputs, -fill),
        { className: "ZeroPadding2D", name: "padded", inputs: inner, config: { padding } },
        ...moved("filled", ["padded"], fill),
        resize("resized", [fill === 0 ? "padded" : "filled"]),
      ],
      output: "resized",
    };
  };
}

/**
 * The place of a RandomCrop as Keras 3.6 and 3.7 choose it where the network is run: what fits of the size, from where the
 * largest part of its aspect ratio begins; made as large as the size.
 */
export function croppedFromMiddle(
  [toHeight, toWidth]: Size2D,
  resize: (name: string, inputs: readonly string[]) => Layer,
): (custom: CustomLayer) => LayerComposition {
  return (custom) => {
    const [height, width] = imageSize(custom);
    const start = (size: number, other: number, wanted: number, otherWanted: number): number =>
      half(size - Math.max(1, Math.min(size, Math.trunc((other * wanted) / otherWanted))));
    const top = start(height, width, toHeight, toWidth);
    const left = start(width, height, toWidth, toHeight);
    const cropping = [
      [top, Math.max(0, height - top - toHeight)],
      [left, Math.max(0, width - left - toWidth)],
    ] as const;
    return {
      layers: [
        { className: "Cropping2D", name: "cropped", inputs: custom.inputs, config: { cropping } },
        resize("resized", ["cropped"]),
      ],
      output: "resized",
    };
  };
}

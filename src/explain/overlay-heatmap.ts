import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import { resizeImage } from "../images/resize.js";
import { type NdArray, sizeOf } from "../ndarray.js";
import { checkArray } from "../options/check-array.js";
import { checkOptions } from "../options/check-options.js";

/**
 * Colours from 0 to 1, evenly spaced: dark blue, green, yellow, which colour-blind people tell apart and whose brightness
 * rises all the way. Values of matplotlib's "viridis".
 */
const colors = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
] as const;

/**
 * Lays a heat map over its picture, enlarged to the picture's size, from dark blue (0) over green to yellow (1).
 *
 * @param image `[height, width, 3]`, uint8, RGB
 * @param heatmap `[rows, columns]` of any size, in 0..1: one of `gradCam`
 * @returns `[height, width, 3]`, uint8
 * @throws ShapeMismatchError if one of the two has another shape
 * @throws InvalidArgumentError if `opacity` or a value of the heat map is not in 0..1
 *
 * @example
 * const picture = await loadImage("cat.jpg", { size: [224, 224] });
 * const dataURI = await thumbnail(overlayHeatmap(picture, heatmap), { size: 224 });
 */
export function overlayHeatmap(
  image: NdArray<"uint8">,
  heatmap: NdArray<"float32">,
  options: {
    /** How much of the heat map is seen, 1 for nothing else. @default 0.5 */
    readonly opacity?: number | undefined;
  } = {},
): NdArray<"uint8"> {
  checkOptions("overlayHeatmap", options, { opacity: true });
  checkArray("image", image, "a picture [height, width, 3]");
  checkArray("heatmap", heatmap, "a heatmap [height, width]");
  const { opacity = 0.5 } = options;
  if (!(opacity >= 0 && opacity <= 1)) {
    throw new InvalidArgumentError(`\`opacity\` is ${opacity}: expected a number from 0 to 1.`);
  }
  const [height = 0, width = 0, channels] = image.shape;
  if (image.shape.length !== 3 || channels !== 3 || image.data.length !== sizeOf(image.shape)) {
    throw new ShapeMismatchError(
      `\`overlayHeatmap\` got an image of shape [${image.shape.join(", ")}]: expected uint8 [height, width, 3].`,
      { expected: [null, null, 3], received: image.shape },
    );
  }
  const grey = resizeImage(greyOf(heatmap), { size: [height, width] });
  const data = new Uint8Array(image.data.length);
  for (let pixel = 0; pixel < height * width; pixel++) {
    const color = colorOf((grey.data[pixel * 3] as number) / 255);
    for (let channel = 0; channel < 3; channel++) {
      const at = pixel * 3 + channel;
      data[at] = Math.round((1 - opacity) * (image.data[at] as number) + opacity * (color[channel] as number));
    }
  }
  return { dtype: "uint8", shape: image.shape, data };
}

/** A heat map as a grey picture, which can be resized. */
function greyOf({ shape, data }: NdArray<"float32">): NdArray<"uint8"> {
  const [rows = 0, columns = 0] = shape;
  if (shape.length !== 2 || rows === 0 || columns === 0 || data.length !== rows * columns) {
    throw new ShapeMismatchError(
      `\`overlayHeatmap\` got a heat map of shape [${shape.join(", ")}]: expected [rows, columns]. Take one of \`heatmaps\`: its first axis is the picture.`,
      { expected: [null, null], received: shape },
    );
  }
  const wrong = data.findIndex((value) => !(value >= 0 && value <= 1));
  if (wrong !== -1) {
    throw new InvalidArgumentError(`The heat map has ${data[wrong]} as value ${wrong}: expected numbers from 0 to 1.`);
  }
  const pixels = Uint8Array.from({ length: 3 * data.length }, (_, at) =>
    Math.round(255 * (data[Math.floor(at / 3)] as number)),
  );
  return { dtype: "uint8", shape: [rows, columns, 3], data: pixels };
}

/** Between two of the colours in proportion. */
function colorOf(value: number): readonly number[] {
  const place = value * (colors.length - 1);
  const below = Math.min(Math.floor(place), colors.length - 2);
  const [low, high] = [colors[below] ?? [0, 0, 0], colors[below + 1] ?? [0, 0, 0]];
  return [0, 1, 2].map((channel) => {
    const start = low[channel] as number;
    return start + ((high[channel] as number) - start) * (place - below);
  });
}

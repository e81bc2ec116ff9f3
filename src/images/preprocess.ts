import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import type { NdArray } from "../ndarray.js";

/**
 * How RGB pixels 0..255 become the input of a pretrained network, by the names of Keras's `preprocess_input`:
 * `caffe` (BGR, minus the ImageNet means), `tf` (scaled to -1..1), `torch` (0..1, then normalised per channel),
 * `none` (unchanged).
 */
export type PreprocessMode = "caffe" | "tf" | "torch" | "none";

/** Every mode that {@link PreprocessMode} names. */
export const preprocessModes: readonly PreprocessMode[] = ["caffe", "tf", "torch", "none"];

/** Means of ImageNet's training pictures, in the order blue, green, red. */
const caffeMeans = [103.939, 116.779, 123.68] as const;
/** Means and standard deviations of ImageNet's training pictures scaled to 0..1: red, green, blue. */
const torchMeans = [0.485, 0.456, 0.406] as const;
const torchDeviations = [0.229, 0.224, 0.225] as const;

/**
 * Turns pixels into the numbers that a pretrained network was trained with, equal to Keras's
 * `keras.applications.imagenet_utils.preprocess_input` to the last bit of a float32.
 *
 * @param pixels RGB, 0..255, channels last: `[height, width, 3]` or with further axes before, such as a batch
 * @returns a new array of the same shape; with mode `caffe` its channels are blue, green, red
 * @throws InvalidArgumentError if the mode is unknown
 * @throws ShapeMismatchError if the last axis is not 3
 */
export function preprocessInput(pixels: NdArray<"uint8">, mode: PreprocessMode): NdArray<"float32"> {
  if (!Array.isArray(pixels?.shape) || !ArrayBuffer.isView(pixels.data)) {
    throw new InvalidArgumentError(
      "`pixels` are no array: expected uint8 pixels [..., height, width, 3], as { dtype, shape, data }.",
    );
  }
  const { shape, data } = pixels;
  if (shape.at(-1) !== 3) {
    throw new ShapeMismatchError(
      `\`preprocessInput\` expected pixels of shape [..., height, width, 3], received [${shape.join(", ")}]. Channels come last.`,
      { expected: [null, null, 3], received: shape },
    );
  }
  const out = new Float32Array(data.length);
  // 256 values per channel are all there is: each step is rounded to float32 once, in these tables.
  const [red, green, blue] = tables(mode);
  const redAt = mode === "caffe" ? 2 : 0;
  const blueAt = 2 - redAt;
  for (let i = 0; i < data.length; i += 3) {
    out[i + redAt] = red[data[i] as number] as number;
    out[i + 1] = green[data[i + 1] as number] as number;
    out[i + blueAt] = blue[data[i + 2] as number] as number;
  }
  return { dtype: "float32", shape, data: out };
}

type Tables = readonly [red: Float32Array, green: Float32Array, blue: Float32Array];

function tables(mode: PreprocessMode): Tables {
  const { fround } = Math;
  switch (mode) {
    case "caffe":
      return [
        table((value) => value - fround(caffeMeans[2])),
        table((value) => value - fround(caffeMeans[1])),
        table((value) => value - fround(caffeMeans[0])),
      ];
    case "tf": {
      const scaled = table((value) => fround(value / 127.5) - 1);
      return [scaled, scaled, scaled];
    }
    case "torch":
      return [torchTable(0), torchTable(1), torchTable(2)];
    case "none": {
      const same = table((value) => value);
      return [same, same, same];
    }
    default:
      throw new InvalidArgumentError(
        `Cannot preprocess pixels: \`mode\` is "${String(mode satisfies never)}", expected one of "caffe", "tf", "torch", "none".`,
      );
  }
}

function torchTable(channel: 0 | 1 | 2): Float32Array {
  const { fround } = Math;
  const mean = fround(torchMeans[channel]);
  const deviation = fround(torchDeviations[channel]);
  return table((value) => fround(fround(value / 255) - mean) / deviation);
}

function table(compute: (value: number) => number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, value) => compute(value));
}

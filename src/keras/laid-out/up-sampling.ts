import { UnsupportedError } from "../../errors.js";
import type { Layer, Size2D } from "../../network/layer.js";
import type { CustomLayer, LayerComposition } from "../custom-layer.js";
import { isBefore } from "../keras-version.js";
import type { ModelTree } from "../model-tree.js";
import { imageSize } from "./images.js";

/** Where a bilinear UpSampling2D takes the centres of pixels to be: at halves, or at their first corners. */
export type PixelCenters = "halves" | "corners" | "unknown";

/**
 * What the Keras that wrote a model takes the centres of pixels to be.
 *
 * Keras before 2.4 calls TensorFlow's `resize_bilinear`, which has them at corners. Of `tf.keras`, that of TensorFlow 1.13
 * and 1.14 does too, and later ones do not; all of them up to TensorFlow 2.1 write the version `2.2.4-tf`, and only some of
 * the later ones note `ragged` beside the inputs.
 */
export function pixelCenters(tree: ModelTree, kerasVersion: string | undefined): PixelCenters {
  if (kerasVersion === undefined) return "halves";
  if (!kerasVersion.endsWith("-tf")) return isBefore(kerasVersion, 2, 4) ? "corners" : "halves";
  return !isBefore(kerasVersion, 2, 3) || notesRagged(tree) ? "halves" : "unknown";
}

function notesRagged(tree: ModelTree): boolean {
  return tree.entries.some(({ className, config, model }) =>
    model === undefined ? className === "InputLayer" && "ragged" in config : notesRagged(model),
  );
}

/**
 * A bilinear enlargement with the centres of pixels at their first corners: the mean of as many repeated pixels, from each
 * place on, as an enlarged one has; the last pixel goes on beyond the end.
 */
export function enlargedFromCorners([rows, columns]: Size2D): (custom: CustomLayer) => LayerComposition {
  return (custom) => {
    const [height, width] = imageSize(custom);
    const layers: Layer[] = [enlarged("repeated", custom.inputs, [rows, columns])];
    const tall = withLast(layers, "repeated", 0, height * rows, rows);
    const whole = withLast(layers, tall, 1, width * columns, columns);
    const config = { poolSize: [rows, columns], strides: [1, 1], padding: "valid" } as const;
    layers.push({ className: "AveragePooling2D", name: "mean", inputs: [whole], config });
    return { layers, output: "mean" };
  };
}

/** The last row or column `factor - 1` times more. */
function withLast(layers: Layer[], input: string, axis: 0 | 1, size: number, factor: number): string {
  if (factor === 1) return input;
  const name = (what: string): string => `${what}_${axis === 0 ? "row" : "column"}`;
  const cut: Size2D = [size - 1, 0];
  const cropping: readonly [Size2D, Size2D] = axis === 0 ? [cut, [0, 0]] : [[0, 0], cut];
  layers.push(
    { className: "Cropping2D", name: name("last"), inputs: [input], config: { cropping } },
    enlarged(name("last_repeated"), [name("last")], axis === 0 ? [factor - 1, 1] : [1, factor - 1]),
    {
      className: "Concatenate",
      name: name("with_last"),
      inputs: [input, name("last_repeated")],
      config: { axis: axis + 1 },
    },
  );
  return name("with_last");
}

function enlarged(name: string, inputs: readonly string[], size: Size2D): Layer {
  return { className: "UpSampling2D", name, inputs, config: { size, interpolation: "nearest" } };
}

/** Refuses a layer for which it cannot be told. */
export function refuseUnknownCenters(name: string, kerasVersion: string | undefined): never {
  throw new UnsupportedError(
    `Layer "${name}" (UpSampling2D) of the Keras model enlarges bilinearly, and the file is of Keras ${kerasVersion}, by which TensorFlow 1.13 and 1.14 mean another rule than 1.15 to 2.1; which of them wrote it cannot be told. Open it in Python in the TensorFlow that wrote it, set \`interpolation="nearest"\` or replace the layer; or save it again with TensorFlow 2.2 or later, if 1.15 or later wrote it.`,
  );
}

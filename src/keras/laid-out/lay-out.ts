import type { Layer, Size2D } from "../../network/layer.js";
import { configReader, type JsonObject } from "../config-reader.js";
import type { ComposeLayer } from "../custom-layer.js";
import { isBefore } from "../keras-version.js";
import type { Json } from "../layer-config.js";
import { length } from "../layers/settings.js";
import type { ModelEntry } from "../model-tree.js";
import { placeLayer, plainClassName, readKerasLayer } from "../read-layer.js";
import { adaptivePooling } from "./adaptive-pooling.js";
import { causalSeparable, gated, isGated } from "./gated.js";
import { croppedFromMiddle, croppedToAspect, paddedToAspect } from "./images.js";
import { axesIn, normalizedOtherAxis, softmaxOverAxes } from "./other-axes.js";
import { enlargedFromCorners, type PixelCenters, refuseUnknownCenters } from "./up-sampling.js";

/** Makes a layer of a kind, with its name among the layers of a composition. */
export type LayOut = (name: string, inputs: readonly string[]) => Layer;

/**
 * What a layer of Keras computes in several layers of ours, where one does not do: other axes than the last, parts of
 * images, windows that adapt.
 *
 * @param centers where the file's Keras takes the centres of pixels to be
 * @returns undefined for a layer that needs no more than one
 */
export function laidOut(
  entry: ModelEntry,
  kerasVersion: string | undefined,
  centers: PixelCenters,
): ComposeLayer | undefined {
  const { name, config } = entry;
  const className = plainClassName(entry.className);
  const read = configReader(className, name, config);
  /** The layer as it would be read with other settings. */
  const as =
    (settings: JsonObject, ofClass = className): LayOut =>
    (own, inputs) =>
      placeLayer(readKerasLayer(ofClass, name, { ...config, ...settings }, kerasVersion), own, inputs);
  const size = (): Size2D => [read.integer("height"), read.integer("width")];
  const resizing = (settings: JsonObject): LayOut => as({ interpolation: "bilinear", ...settings }, "Resizing");
  switch (className) {
    case "BatchNormalization":
    case "GroupNormalization": {
      const [axis, ...more] = axesIn(config);
      if (axis === undefined || axis === -1 || more.length > 0) return undefined;
      return normalizedOtherAxis(axis, as({ axis: -1 }));
    }
    case "UpSampling2D": {
      const scale = read.size("size", [2, 2]);
      const isPlain = config.interpolation !== "bilinear" || centers === "halves" || scale.every((side) => side === 1);
      if (isPlain) return undefined;
      return centers === "corners" ? enlargedFromCorners(scale) : refuseUnknownCenters(name, kerasVersion);
    }
    case "Softmax": {
      const axes = axesIn(config);
      return axes.length > 1 ? softmaxOverAxes(axes) : undefined;
    }
    case "Resizing": {
      const interpolation: Json = config.interpolation ?? "bilinear";
      const plain = resizing({ interpolation, crop_to_aspect_ratio: false, pad_to_aspect_ratio: false });
      if (read.boolean("crop_to_aspect_ratio", false)) return croppedToAspect(size(), plain);
      if (!read.boolean("pad_to_aspect_ratio", false)) return undefined;
      read.word("fill_mode", ["constant"], "constant");
      return paddedToAspect(size(), read.number("fill_value", 0), plain);
    }
    case "RandomCrop": {
      // Since Keras 3.8 it passes images on where a network is run.
      if (kerasVersion === undefined || !isBefore(kerasVersion, 3, 8)) return undefined;
      return (isBefore(kerasVersion, 3, 6) ? croppedToAspect : croppedFromMiddle)(size(), resizing({}));
    }
    case "AdaptiveAveragePooling1D":
    case "AdaptiveMaxPooling1D":
      return adaptivePooling(operationOf(className), [length(read, "output_size")]);
    case "AdaptiveAveragePooling2D":
    case "AdaptiveMaxPooling2D":
      return adaptivePooling(operationOf(className), read.size("output_size"));
    case "SeparableConv1D":
      if (config.padding === "causal" && !isGated(config)) {
        const before = (length(read, "kernel_size") - 1) * length(read, "dilation_rate", 1);
        return causalSeparable(as({ padding: "valid" }), before);
      }
      break;
  }
  return isGated(config) ? gated(as({ activation: "linear" })) : undefined;
}

function operationOf(className: string): "Average" | "Max" {
  return className.includes("Average") ? "Average" : "Max";
}

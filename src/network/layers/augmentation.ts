import type { LayerClassName } from "../layer.js";
import type { ShapeRules } from "../layer-rules.js";
import { onlyInput } from "./check-shape.js";

/** A value of JSON. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/**
 * Settings of a layer of which nothing is computed here, as they stand in a Keras file, so that they are written again:
 * Keras's own names, without `name`, `dtype` and `trainable`.
 */
export interface KerasSettings {
  readonly settings: { readonly [key: string]: JsonValue };
}

/** Keras's layers that change images at random while training. Where a network is run, each passes its input on. */
export const augmentationNames = [
  "AugMix",
  "CutMix",
  "MixUp",
  "RandAugment",
  "RandomBrightness",
  "RandomColorDegeneration",
  "RandomColorJitter",
  "RandomContrast",
  "RandomCrop",
  "RandomElasticTransform",
  "RandomErasing",
  "RandomFlip",
  "RandomGaussianBlur",
  "RandomGrayscale",
  "RandomHeight",
  "RandomHue",
  "RandomInvert",
  "RandomPerspective",
  "RandomPosterization",
  "RandomRotation",
  "RandomSaturation",
  "RandomSharpness",
  "RandomShear",
  "RandomTranslation",
  "RandomWidth",
  "RandomZoom",
] as const;

/** Random changes of images. */
export type AugmentationConfigs = { readonly [C in (typeof augmentationNames)[number]]: KerasSettings };

export const augmentationShapes = Object.fromEntries(
  augmentationNames.map((name) => [name, onlyInput]),
) as unknown as ShapeRules<AugmentationConfigs>;

/** Whether a kind of layer changes images at random while training. */
export function isAugmentation(className: LayerClassName): className is (typeof augmentationNames)[number] {
  return (augmentationNames as readonly string[]).includes(className);
}

import { InvalidArgumentError } from "../errors.js";
import type { ExtractionPictureOptions, PictureOptions } from "../extraction/picture-options.js";
import type { Interpolation } from "../images/interpolation.js";
import { type PreprocessMode, preprocessModes } from "../images/preprocess.js";
import { checkOneOf } from "../options/check-option.js";
import type { HeadMetadata } from "../training/head-options.js";
import type { LayerPlace } from "./trained-layers.js";

/** What a model's file says beside the model, so that it can be used rightly. */
export interface ModelFacts {
  readonly preprocess: PreprocessMode;
  /** Name of the head's first layer; undefined if nobody has said it. */
  readonly headFrom: string | undefined;
}

/** Names that these facts have in a file's metadata. */
const names = {
  preprocess: "preprocess_input",
  headFrom: "head_from",
  interpolation: "interpolation",
  keepAspectRatio: "keep_aspect_ratio",
  applyOrientation: "apply_orientation",
} as const;

/** The facts as metadata. */
export function writeFacts(
  { preprocess, headFrom }: ModelFacts,
  { interpolation, keepAspectRatio, applyOrientation }: PictureOptions,
): HeadMetadata {
  return {
    [names.preprocess]: preprocess,
    ...(headFrom === undefined ? {} : { [names.headFrom]: headFrom }),
    [names.interpolation]: interpolation,
    [names.keepAspectRatio]: Number(keepAspectRatio),
    [names.applyOrientation]: Number(applyOrientation),
  };
}

/**
 * Parts a file's metadata into our facts and the user's.
 *
 * @param ours what to do with facts of ours
 * @throws InvalidArgumentError if they are to be refused and there are some
 */
export function splitMetadata(
  metadata: HeadMetadata,
  ours: "take" | "refuse",
): { readonly facts: HeadMetadata; readonly metadata: HeadMetadata } {
  const known = new Set<string>(Object.values(names));
  const entries = Object.entries(metadata);
  const taken = entries.find(([key]) => known.has(key));
  if (ours === "refuse" && taken !== undefined) {
    throw new InvalidArgumentError(
      `\`metadata\` has "${taken[0]}", under which the model's file says how pictures are prepared: choose another name.`,
    );
  }
  return {
    facts: Object.fromEntries(entries.filter(([key]) => known.has(key))),
    metadata: Object.fromEntries(entries.filter(([key]) => !known.has(key))),
  };
}

/**
 * How pictures are prepared for a model: what options say, else what its file says.
 *
 * @throws InvalidArgumentError if neither says how pixels are prepared
 */
export function readFacts(
  facts: HeadMetadata,
  options: ExtractionPictureOptions & {
    readonly preprocess?: PreprocessMode | undefined;
    readonly headFrom?: LayerPlace | undefined;
  },
): ExtractionPictureOptions & { readonly preprocess: PreprocessMode; readonly headFrom: LayerPlace | undefined } {
  const preprocess = options.preprocess ?? facts[names.preprocess];
  if (preprocess === undefined) {
    throw new InvalidArgumentError(
      'The model\'s file does not say which pixels it expects, as Keras saves that nowhere. Pass `preprocess`: "caffe", "tf", "torch" or "none".',
    );
  }
  checkOneOf("preprocess", preprocess, preprocessModes);
  const flag = (name: string) => (facts[name] === undefined ? undefined : facts[name] === 1);
  return {
    ...options,
    preprocess,
    headFrom: options.headFrom ?? facts[names.headFrom],
    interpolation: options.interpolation ?? (facts[names.interpolation] as Interpolation | undefined),
    keepAspectRatio: options.keepAspectRatio ?? flag(names.keepAspectRatio),
    applyOrientation: options.applyOrientation ?? flag(names.applyOrientation),
  };
}

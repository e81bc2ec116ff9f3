import { UnsupportedError } from "../errors.js";
import { type PicturePreparation, type PictureSettings, prepareHere } from "./picture-preparation.js";

/** Browsers decode outside of the page's thread by themselves. */
export function defaultWorkers(): number {
  return 0;
}

/**
 * Prepares pictures in the thread that calls it.
 *
 * @throws UnsupportedError if threads or fast decoding are asked for
 */
export function preparePictures(settings: PictureSettings, workers: number): PicturePreparation {
  if (settings.decode === "fast") {
    throw new UnsupportedError('Browsers cannot decode with `decode: "fast"`. Leave it out, or pass "exact".');
  }
  if (workers === 0) return prepareHere(settings);
  throw new UnsupportedError(
    `Browsers have no threads of this library to prepare pictures in, but \`workers\` is ${workers}. Leave it out.`,
  );
}

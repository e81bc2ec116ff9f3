import { UnsupportedError } from "../errors.js";

/** Browsers have no folder beside the weights. */
export function defaultCalibrationPath(_fileName: string, _cacheDirectory: string | undefined): string | undefined {
  return undefined;
}

/** @throws UnsupportedError always */
export async function readCalibrationText(path: string): Promise<string | undefined> {
  throw noFiles(path);
}

/** @throws UnsupportedError always */
export async function prepareCalibrationFile(path: string): Promise<void> {
  throw noFiles(path);
}

/** @throws UnsupportedError always */
export async function keepCalibrationText(path: string, _text: string): Promise<string> {
  throw noFiles(path);
}

function noFiles(path: string): UnsupportedError {
  return new UnsupportedError(
    `\`calibrationPath\` is "${path}", but a browser has no files: keep \`extractor.calibration\` where you like, and give it as \`calibration\`.`,
  );
}

import { InvalidArgumentError } from "../errors.js";
import { checkList, describeValue } from "../options/check-option.js";
import { checkOptions, type OptionNames } from "../options/check-options.js";
import type { CalibrationOptions, Int8Calibration } from "./quantizing-backend.js";

const names: OptionNames<CalibrationOptions> = {
  outputs: true,
  rangeBatches: true,
  judgingBatches: true,
  meanCosine: true,
  minimumCosine: true,
  onProgress: true,
  signal: true,
};

/** @throws InvalidArgumentError if the options of `calibrate` are none, or have one of another name */
export function checkCalibrationOptions(options: CalibrationOptions): void {
  checkOptions("calibrate", options, names);
  checkList("rangeBatches", options.rangeBatches, "batches of pixels, from which the ranges are taken");
  checkList("judgingBatches", options.judgingBatches, "batches of pixels, on which the result is judged");
}

/** Checks that a calibration from outside the type system is one at all. @throws InvalidArgumentError if it is none */
export function checkCalibration(value: unknown): asserts value is Int8Calibration {
  const { ranges, inFloat } = (value ?? {}) as Partial<Int8Calibration>;
  if (typeof ranges === "object" && ranges !== null && Array.isArray(inFloat)) return;
  throw new InvalidArgumentError(
    `\`calibration\` is ${describeValue(value)}: expected what \`calibrate\` gives, or the \`calibration\` of a FeatureExtractor.`,
  );
}

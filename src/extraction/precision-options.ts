import type { Int8Calibration } from "../backends/quantizing-backend.js";
import { InvalidArgumentError } from "../errors.js";
import { checkImageSource } from "../images/check-image-source.js";
import type { ImageSource } from "../images/image-source.js";
import { checkOneOf, checkText, describeValue } from "../options/check-option.js";
import { isCalibration } from "./kept-calibration.js";

/** In which numbers the network computes. */
export interface PrecisionOptions {
  /**
   * `int8`: kernels and values between layers are 8-bit integers, which is several times faster and a little less exact.
   * The backend `onnx` does it. What is lost is measured on pictures of yours, and refused where it is too much; see
   * `FeatureExtractor.calibration`.
   *
   * @default "float32"
   */
  readonly precision?: "float32" | "int8" | undefined;
  /**
   * For `int8`: pictures like those to come, of which some are looked at, spread evenly over the source; or a calibration
   * made before.
   *
   * @default the one that is kept at `calibrationPath`; where there is none yet, the first job calibrates with its own
   *   pictures before it computes anything
   */
  readonly calibration?: ImageSource | Int8Calibration | undefined;
  /** Pictures that are looked at: half of them set ranges, the other half judges. At least 8. @default 100 */
  readonly calibrationImages?: number | undefined;
  /**
   * File in which the calibration is kept, so that later runs compute the same. One that is there is used, whatever
   * pictures are given; delete it to have another. Not together with a calibration made before.
   *
   * @default beside the cached weights of a backbone, named after network and checksum; none for networks of one's own
   */
  readonly calibrationPath?: string | undefined;
  /** Called while a calibration is made. */
  readonly onCalibration?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
}

/** Fewer pictures tell nothing of the values to come. */
export const leastCalibrationImages = 8;

/**
 * Checks options of precision, before anything is downloaded.
 *
 * @throws InvalidArgumentError for an option out of range, or one that makes no sense without `int8`
 */
export function checkPrecision(options: PrecisionOptions): void {
  const { precision = "float32", calibration, calibrationImages, calibrationPath } = options;
  checkOneOf("precision", precision, ["float32", "int8"]);
  const given = Object.entries({ calibration, calibrationImages, calibrationPath }).find(
    ([, value]) => value !== undefined,
  );
  if (precision === "float32" && given) {
    throw new InvalidArgumentError(`\`${given[0]}\` is for \`precision: "int8"\`, but the precision is float32.`);
  }
  if (
    calibrationImages !== undefined &&
    !(Number.isInteger(calibrationImages) && calibrationImages >= leastCalibrationImages)
  ) {
    throw new InvalidArgumentError(
      `\`calibrationImages\` is ${describeValue(calibrationImages)}: expected a whole number of at least ${leastCalibrationImages}.`,
    );
  }
  if (calibration !== undefined && !isSource(calibration) && !isCalibration(calibration)) {
    throw new InvalidArgumentError(
      `\`calibration\` is ${describeValue(calibration)}: expected pictures, such as imageFolder("animals/"), or the \`calibration\` of another extractor.`,
    );
  }
  if (calibration !== undefined && isSource(calibration)) checkImageSource("calibration", calibration);
  if (calibrationPath !== undefined) {
    checkText("calibrationPath", calibrationPath, 'the path of a file, such as "vgg16.int8.json"');
    if (calibration !== undefined && !isSource(calibration)) {
      throw new InvalidArgumentError(
        "`calibration` was made before, and `calibrationPath` says where one is kept: only one of them can be used. Leave out the other.",
      );
    }
  }
}

/** Whether `calibration` is pictures, and not a calibration made before. */
export function isSource(value: ImageSource | Int8Calibration): value is ImageSource {
  return typeof (value as Partial<ImageSource> | null)?.[Symbol.asyncIterator] === "function";
}

import type { Backend, LoadedNetwork } from "../backends/backend.js";
import { type Int8Calibration, isQuantizing } from "../backends/quantizing-backend.js";
import { crc32 } from "../checksum/crc32.node.js";
import { InvalidArgumentError, UnsupportedError } from "../errors.js";
import { imageSelection } from "../images/image-selection.js";
import type { ImageSource, SourceImage } from "../images/image-source.js";
import { loadImages } from "../images/load-images.js";
import type { NdArray } from "../ndarray.js";
import type { Network } from "../network/network.js";
import { preprocessModesOf } from "../network/take-pixels.js";
import { weightsChecksum } from "../network/weights-checksum.js";
import { checkOneOf, describeValue } from "../options/check-option.js";
import {
  defaultCalibrationPath,
  keepCalibrationText,
  prepareCalibrationFile,
  readCalibrationText,
} from "./calibration-file.node.js";
import type { PictureOptions } from "./picture-options.js";

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
   * made before. Needed where none is kept at `calibrationPath` yet.
   */
  readonly calibration?: ImageSource | Int8Calibration | undefined;
  /** Pictures that are looked at: half of them set ranges, the other half judges. At least 8. @default 100 */
  readonly calibrationImages?: number | undefined;
  /**
   * File in which the calibration is kept, so that later runs compute the same. One that is there is used, whatever
   * pictures are given; delete it to have another.
   *
   * @default beside the cached weights of a backbone, named after network and checksum; none for networks of one's own
   */
  readonly calibrationPath?: string | undefined;
  /** Called while a calibration is made. */
  readonly onCalibration?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
}

/** What is to be loaded, and with what the calibration has to be like it. */
export interface PrecisionRequest extends PrecisionOptions {
  readonly network: Network;
  readonly outputs: readonly string[];
  readonly pictures: PictureOptions;
  /** Whether the weights lie in a cache, which then keeps the calibration too. */
  readonly cached: boolean;
  readonly cacheDirectory?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A network ready to run, and what its numbers are. */
export interface LoadedPrecision {
  readonly loaded: LoadedNetwork;
  /** Undefined in float32. */
  readonly calibration: Int8Calibration | undefined;
  /** Fact to be stored with the features; undefined in float32. */
  readonly precision: string | undefined;
}

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
  if (calibrationImages !== undefined && !(Number.isInteger(calibrationImages) && calibrationImages >= leastImages)) {
    throw new InvalidArgumentError(
      `\`calibrationImages\` is ${describeValue(calibrationImages)}: expected a whole number of at least ${leastImages}.`,
    );
  }
  if (calibration !== undefined && !isSource(calibration) && !isCalibration(calibration)) {
    throw new InvalidArgumentError(
      `\`calibration\` is ${describeValue(calibration)}: expected pictures, such as imageFolder("animals/"), or the \`calibration\` of another extractor.`,
    );
  }
}

/** Fewer tell nothing of the values to come. */
const leastImages = 8;
/** Pictures of a run whose values are all looked at: of VGG16, those of one take 110 MB. */
const rangeBatchSize = 1;
const judgingBatchSize = 8;

/**
 * Loads a network in the precision asked for; where that needs a calibration, the one given, else the one kept, else one
 * made now and kept.
 *
 * @throws UnsupportedError if the backend cannot, or too much is lost
 * @throws InvalidArgumentError if there is nothing to calibrate with, or a calibration is another network's
 * @throws FileAccessError if the calibration cannot be kept
 */
export async function loadInPrecision(backend: Backend, request: PrecisionRequest): Promise<LoadedPrecision> {
  const { network, outputs, signal } = request;
  if ((request.precision ?? "float32") === "float32") {
    return { loaded: await backend.load(network, { outputs, signal }), calibration: undefined, precision: undefined };
  }
  if (!isQuantizing(backend)) {
    throw new UnsupportedError(
      `The backend "${backend.name}" does not compute in 8-bit integers: pass \`backend: onnx()\`, or \`precision: "float32"\`.`,
    );
  }
  const path = request.calibrationPath ?? defaultPath(request);
  let calibration: Int8Calibration | undefined;
  if (request.calibration !== undefined && !isSource(request.calibration)) calibration = request.calibration;
  else if (path !== undefined) calibration = await readCalibration(path);
  if (calibration === undefined) {
    if (path !== undefined && request.calibration !== undefined) await prepareCalibrationFile(path);
    const { rangeBatches, judgingBatches } = await readPictures(request, path);
    const options = { outputs, rangeBatches, judgingBatches, signal, onProgress: request.onCalibration };
    calibration = await backend.calibrate(network, options);
    if (path !== undefined) {
      // Of processes that begin together all use the one that was there first.
      const text = `${JSON.stringify(calibration, undefined, 1)}\n`;
      calibration = parseCalibration(path, await keepCalibrationText(path, text));
    }
  }
  const loaded = await backend.loadQuantized(network, calibration, { outputs, signal });
  const checksum = crc32(new TextEncoder().encode(JSON.stringify(calibration)))
    .toString(16)
    .padStart(8, "0");
  return { loaded, calibration, precision: `int8 (calibration crc32 ${checksum})` };
}

function defaultPath({ network, outputs, pictures, cached, cacheDirectory }: PrecisionRequest): string | undefined {
  if (!cached) return undefined;
  const facts = [weightsChecksum(network), outputs, preprocessModesOf(network), pictures.size];
  const which = crc32(new TextEncoder().encode(JSON.stringify(facts)));
  return defaultCalibrationPath(`${network.name}.${which.toString(16).padStart(8, "0")}.int8.json`, cacheDirectory);
}

async function readCalibration(path: string): Promise<Int8Calibration | undefined> {
  const text = await readCalibrationText(path);
  return text === undefined ? undefined : parseCalibration(path, text);
}

function parseCalibration(path: string, text: string): Int8Calibration {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (isCalibration(value)) return value;
  throw new InvalidArgumentError(`"${path}" is not a calibration. Delete it, or give another \`calibrationPath\`.`);
}

function isSource(value: ImageSource | Int8Calibration): value is ImageSource {
  return typeof (value as Partial<ImageSource> | null)?.[Symbol.asyncIterator] === "function";
}

function isCalibration(value: unknown): value is Int8Calibration {
  if (typeof value !== "object" || value === null) return false;
  const { formatVersion, checksum, ranges, inFloat } = value as Partial<Int8Calibration>;
  return (
    formatVersion === 1 &&
    typeof checksum === "string" &&
    Array.isArray(inFloat) &&
    typeof ranges === "object" &&
    ranges !== null &&
    Object.values(ranges).every((range) => Array.isArray(range) && range.length === 2 && range.every(Number.isFinite))
  );
}

/** Every other picture of those chosen sets ranges, the rest judges. */
async function readPictures(
  request: PrecisionRequest,
  path: string | undefined,
): Promise<{ readonly rangeBatches: readonly NdArray[]; readonly judgingBatches: readonly NdArray[] }> {
  const { calibration: source, calibrationImages = 100, pictures, signal } = request;
  if (source === undefined || !isSource(source)) {
    const kept = path === undefined ? "" : `, and none is kept at "${path}"`;
    throw new InvalidArgumentError(
      `\`precision: "int8"\` needs pictures to find out what values the network has${kept}: pass them as \`calibration\`, such as imageFolder("animals/").`,
    );
  }
  const chosen = await spread(source, calibrationImages);
  const halves = [0, 1].map((half) => chosen.filter((_, i) => i % 2 === half));
  const [rangeBatches = [], judgingBatches = []] = await Promise.all(
    halves.map(async (images, half) => {
      const batches: NdArray[] = [];
      const settings = { ...pictures, batchSize: half === 0 ? rangeBatchSize : judgingBatchSize, signal };
      for await (const { pixels } of loadImages(imageSelection(images, []), { ...settings, onError: "skip" })) {
        if ((pixels.shape[0] ?? 0) > 0) batches.push(pixels);
      }
      return batches;
    }),
  );
  const images = [...rangeBatches, ...judgingBatches].reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  if (images < leastImages) {
    throw new InvalidArgumentError(
      `\`calibration\` has ${images} pictures that can be decoded: expected at least ${leastImages}, better 100.`,
    );
  }
  return { rangeBatches, judgingBatches };
}

/** So many pictures of a source, spread evenly: the first ones of a folder are all of one class. */
async function spread(source: ImageSource, count: number): Promise<readonly SourceImage[]> {
  const step = Math.max(1, source.length / count);
  const images: SourceImage[] = [];
  let position = 0;
  for await (const image of source) {
    if (position++ >= images.length * step) images.push(image);
    if (images.length === count) break;
  }
  return images;
}

import type { Backend, LoadedNetwork } from "../backends/backend.js";
import { type Int8Calibration, isQuantizing, type QuantizingBackend } from "../backends/quantizing-backend.js";
import { crc32 } from "../checksum/crc32.node.js";
import { ClosedError, InvalidArgumentError, UnsupportedError } from "../errors.js";
import type { ImageSource } from "../images/image-source.js";
import type { Network } from "../network/network.js";
import { preprocessModesOf } from "../network/take-pixels.js";
import { weightsChecksum } from "../network/weights-checksum.js";
import { defaultCalibrationPath, prepareCalibrationFile } from "./calibration-file.node.js";
import { readCalibrationPictures } from "./calibration-pictures.js";
import { describeCalibration, keepCalibration, readCalibration } from "./kept-calibration.js";
import type { PictureOptions } from "./picture-options.js";
import { isSource, leastCalibrationImages, type PrecisionOptions } from "./precision-options.js";

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

/** A network that runs, and what its numbers are. */
interface Loaded {
  readonly network: LoadedNetwork;
  /** Undefined in float32. */
  readonly calibration: Int8Calibration | undefined;
}

/** Makes the network that runs, from pictures of a job. */
type Calibrate = (source: ImageSource, signal: AbortSignal | undefined) => Promise<Loaded>;

/** A network in the precision asked for. In int8 it may have to see pictures before it can run. */
export class PrecisionNetwork {
  readonly #calibrate: Calibrate;
  readonly #closing = new AbortController();
  #loaded: Loaded | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @param start the network that runs, or what makes it from the pictures of the first job */
  private constructor(start: Loaded | Calibrate) {
    if (typeof start === "function") {
      this.#calibrate = start;
    } else {
      this.#loaded = start;
      this.#calibrate = async () => start;
    }
  }

  /**
   * Loads a network. In int8: with the calibration given, else the one kept, else one made now from the pictures given,
   * else it waits for those of the first job.
   *
   * @throws UnsupportedError if the backend cannot, or too much is lost
   * @throws InvalidArgumentError if a calibration is another network's, or there is none and no place to keep one
   * @throws FileAccessError if a calibration cannot be kept
   */
  static async create(backend: Backend, request: PrecisionRequest): Promise<PrecisionNetwork> {
    const { network, outputs, signal, calibration: given } = request;
    if ((request.precision ?? "float32") === "float32") {
      const loaded = await backend.load(network, { outputs, signal });
      return new PrecisionNetwork({ network: loaded, calibration: undefined });
    }
    if (!isQuantizing(backend)) {
      throw new UnsupportedError(
        `The backend "${backend.name}" does not compute in 8-bit integers: pass \`backend: onnx()\`, or \`precision: "float32"\`.`,
      );
    }
    const path = request.calibrationPath ?? defaultPath(request);
    const isMade = given !== undefined && !isSource(given);
    const calibration = isMade ? given : path === undefined ? undefined : await readCalibration(path);
    if (calibration !== undefined) {
      const loaded = await backend.loadQuantized(network, calibration, { outputs, signal });
      return new PrecisionNetwork({ network: loaded, calibration });
    }
    if (path !== undefined) await prepareCalibrationFile(path);
    const calibrate: Calibrate = (source, stop) => calibrateOn(source, backend, request, path, stop);
    if (given !== undefined && isSource(given)) {
      return new PrecisionNetwork(await calibrate(given, signal));
    }
    if (path === undefined) {
      throw new InvalidArgumentError(
        `\`precision: "int8"\` has to find out from pictures what values the network has, and for this one there is no place where that is kept for later runs: pass a \`calibrationPath\`, such as "${network.name}.int8.json", or pictures as \`calibration\`, such as imageFolder("animals/").`,
      );
    }
    return new PrecisionNetwork(calibrate);
  }

  /** Undefined in float32, and before the first job. */
  get calibration(): Int8Calibration | undefined {
    return this.#loaded?.calibration;
  }

  /** Fact to be stored with the features; undefined in float32. */
  get description(): string | undefined {
    if (this.#loaded === undefined) return "int8 (to be calibrated)";
    return this.calibration === undefined ? undefined : describeCalibration(this.calibration);
  }

  /** Whether it runs without seeing pictures first. */
  get isReady(): boolean {
    return this.#loaded !== undefined;
  }

  /**
   * The network, ready to run: if it has not seen pictures yet, it is calibrated with those of the job that a source is,
   * or is a part of.
   *
   * @throws UnsupportedError if too much is lost
   * @throws InvalidArgumentError if there are too few pictures
   */
  ready(source: ImageSource, signal?: AbortSignal): Promise<LoadedNetwork> {
    // Of jobs that begin together one calibrates. Where it fails or is stopped, the next one does.
    const turn = this.#last.then(async () => {
      const { signal: closing } = this.#closing;
      closing.throwIfAborted();
      this.#loaded ??= await this.#calibrate(
        source.job ?? source,
        signal ? AbortSignal.any([signal, closing]) : closing,
      );
      return this.#loaded.network;
    });
    this.#last = turn.catch(() => undefined);
    return unlessAborted(turn, signal);
  }

  /** Frees the network. Safe to call twice. */
  async dispose(): Promise<void> {
    this.#closing.abort(new ClosedError("FeatureExtractor is closed."));
    await this.#last;
    await this.#loaded?.network.dispose();
  }
}

/** What a job waits for may be another one's calibration, which goes on where this job is stopped. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

async function calibrateOn(
  source: ImageSource,
  backend: QuantizingBackend,
  request: PrecisionRequest,
  path: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Loaded> {
  const { network, outputs, calibrationImages = 100, onCalibration: onProgress } = request;
  // A run beside this one may have been here meanwhile.
  let calibration = path === undefined ? undefined : await readCalibration(path);
  if (calibration === undefined) {
    const pictures = await readCalibrationPictures(source, calibrationImages, request.pictures, signal);
    if (pictures.images < leastCalibrationImages) {
      throw new InvalidArgumentError(
        `Of the pictures that are to calibrate "${network.name}" ${pictures.images} can be decoded: expected at least ${leastCalibrationImages}, better 100. Pass more as \`calibration\`, or run it with \`precision: "float32"\`.`,
      );
    }
    const { rangeBatches, judgingBatches } = pictures;
    const made = await backend.calibrate(network, { rangeBatches, judgingBatches, outputs, signal, onProgress });
    calibration = path === undefined ? made : await keepCalibration(path, made);
  }
  return { network: await backend.loadQuantized(network, calibration, { outputs, signal }), calibration };
}

function defaultPath({ network, outputs, pictures, cached, cacheDirectory }: PrecisionRequest): string | undefined {
  if (!cached) return undefined;
  const facts = [weightsChecksum(network), outputs, preprocessModesOf(network), pictures.size];
  const which = crc32(new TextEncoder().encode(JSON.stringify(facts)));
  return defaultCalibrationPath(`${network.name}.${which.toString(16).padStart(8, "0")}.int8.json`, cacheDirectory);
}

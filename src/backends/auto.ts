import { BackendUnavailableError, InvalidArgumentError, isCnnTransferError, UnsupportedError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { checkNetwork } from "../network/check-network.js";
import type { Network } from "../network/network.js";
import { checkList } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import type { AbortOptions, Backend, LoadedNetwork, LoadOptions } from "./backend.js";
import { checkBackend, checkTrainableBackend } from "./check-backend.js";
import { checkCalibration, checkCalibrationOptions } from "./check-calibration.js";
import { checkLoadOptions } from "./check-load-options.js";
import { defaultBackends, defaultTrainableBackends } from "./default-backends.node.js";
import { type GradientBackend, isGradientBackend } from "./gradient-backend.js";
import {
  type CalibrationOptions,
  type Int8Calibration,
  isQuantizing,
  type QuantizingBackend,
} from "./quantizing-backend.js";
import type { TrainableBackend, TrainableNetwork, TrainingOptions } from "./trainable-backend.js";
import { checkTrainingOptions } from "./training/training-options.js";

/** A backend that was passed over, and why. */
export interface SkippedBackend {
  readonly backend: string;
  readonly reason: string;
}

/** Options of {@link auto}. */
export interface AutoOptions {
  /**
   * Backends to choose from, best first. Default in Node: `onnx`, `tfjs-node-gpu`, `tfjs-node`, `tfjs-wasm`; in browsers
   * `tfjs-webgpu`, `tfjs-wasm`. TensorFlow.js's own
   * `tfjs-cpu` is never among them, for it is some 600 times slower.
   */
  readonly candidates?: readonly Backend[] | undefined;
}

/** Options of {@link autoTrainable}. */
export interface AutoTrainableOptions {
  /** Backends to choose from, best first. Default in Node: `tfjs-node-gpu`, `onnx`, `tfjs-node`, `tfjs-wasm`; in browsers `tfjs-webgpu`, `tfjs-wasm`. */
  readonly candidates?: readonly TrainableBackend[] | undefined;
}

/** What `auto` adds to the backend that it chose. */
export interface Choice {
  /**
   * Each better backend that did not start, or cannot train or differentiate the network, best first, with the reason. Known once `init` has resolved; until then, or
   * where the first choice started, it is empty.
   */
  readonly skipped: readonly SkippedBackend[];
}

/** A backend that chooses among others when it starts. */
export interface AutoBackend extends QuantizingBackend, GradientBackend, Choice {}

/** A trainable backend that chooses among others when it starts. */
export interface AutoTrainableBackend extends TrainableBackend, GradientBackend, Choice {}

/**
 * The best backend that starts on this machine. It chooses in `init` and stays with its choice; `name` and `description`
 * are then those of the chosen backend, and before `auto`. What was passed over stands in `skipped`: nothing slower is
 * used in silence.
 *
 * A choice that refuses to differentiate a network with UnsupportedError is passed over as well: `inputGradient` goes on with
 * the next, to which all further work goes, and `skipped` has the reason. If none can, the error is that of the best one and
 * the choice stays.
 *
 * `init` rejects with BackendUnavailableError, which lists every reason, if no backend starts.
 *
 * @throws InvalidArgumentError if `candidates` is empty, or one of them is no backend
 *
 * @example
 * const backend = auto();
 * await backend.init();
 * console.log(backend.name, backend.skipped); // "tfjs-wasm" [{ backend: "onnx", reason: "..." }, ...]
 */
export function auto(options: AutoOptions = {}): AutoBackend {
  checkOptions("auto", options, { candidates: true });
  return new FirstToStart(options.candidates ?? defaultBackends());
}

/**
 * The best backend for training that starts on this machine; else as {@link auto}. One that refuses to train a network with
 * UnsupportedError is passed over as well: `loadForTraining` goes on with the next, to which all further work goes, and
 * `skipped` has the reason. If none can train it, the error is that of the best one and the choice stays.
 *
 * @throws InvalidArgumentError if `candidates` is empty, or one of them is no backend that can train
 */
export function autoTrainable(options: AutoTrainableOptions = {}): AutoTrainableBackend {
  checkOptions("autoTrainable", options, { candidates: true });
  return new FirstTrainableToStart(options.candidates ?? defaultTrainableBackends());
}

class FirstToStart<B extends Backend> implements AutoBackend {
  readonly specVersion = 1;
  readonly #candidates: readonly B[];
  #choosing: Promise<B> | undefined;
  #chosen: B | undefined;
  #skipped: readonly SkippedBackend[] = [];

  constructor(candidates: readonly B[]) {
    checkList("candidates", candidates, "a list of backends, such as [onnx(), tfjsWasm()]");
    if (candidates.length === 0) {
      throw new InvalidArgumentError("`candidates` is empty. Name at least one backend to choose from.");
    }
    for (const [index, candidate] of candidates.entries()) this.check(candidate, `candidates[${index}]`);
    this.#candidates = [...candidates];
  }

  get name(): string {
    return this.#chosen?.name ?? "auto";
  }

  get description(): string {
    return this.#chosen?.description ?? `the first to start of ${this.#names()}`;
  }

  get skipped(): readonly SkippedBackend[] {
    return this.#skipped;
  }

  async init(): Promise<void> {
    await this.chosen();
  }

  async load(network: Network, options: LoadOptions = {}): Promise<LoadedNetwork> {
    checkLoadOptions(options);
    options.signal?.throwIfAborted();
    return (await this.chosen()).load(network, options);
  }

  async calibrate(network: Network, options: CalibrationOptions): Promise<Int8Calibration> {
    checkNetwork("network", network);
    checkCalibrationOptions(options);
    options.signal?.throwIfAborted();
    return (await this.#quantizing()).calibrate(network, options);
  }

  async loadQuantized(
    network: Network,
    calibration: Int8Calibration,
    options: LoadOptions = {},
  ): Promise<LoadedNetwork> {
    checkNetwork("network", network);
    checkCalibration(calibration);
    checkLoadOptions(options);
    options.signal?.throwIfAborted();
    return (await this.#quantizing()).loadQuantized(network, calibration, options);
  }

  async inputGradient(
    network: Network,
    inputs: readonly NdArray<"float32">[],
    seed: NdArray<"float32">,
    options: AbortOptions = {},
  ): Promise<NdArray<"float32">> {
    checkOptions("inputGradient", options, { signal: true });
    options.signal?.throwIfAborted();
    return this.firstThatCan((backend) => {
      if (isGradientBackend(backend)) return backend.inputGradient(network, inputs, seed, options);
      throw new UnsupportedError(`The backend "${backend.name}" cannot differentiate: pass another, such as onnx().`);
    });
  }

  async #quantizing(): Promise<QuantizingBackend> {
    const chosen = await this.chosen();
    if (isQuantizing(chosen)) return chosen;
    throw new UnsupportedError(
      `The backend "${chosen.name}" does not compute in 8-bit integers: pass \`backend: onnx()\`, or \`precision: "float32"\`.`,
    );
  }

  /** Refuses what is no candidate. @throws InvalidArgumentError if it is none */
  protected check(candidate: unknown, option: string): void {
    checkBackend(candidate, option);
  }

  /** The backend that all work goes to. @throws BackendUnavailableError if none starts */
  protected async chosen(): Promise<B> {
    this.#choosing ??= this.#choose();
    try {
      return await this.#choosing;
    } catch (error) {
      // So that a start that failed can be tried again.
      this.#choosing = undefined;
      throw error;
    }
  }

  async #choose(): Promise<B> {
    const skipped: SkippedBackend[] = [];
    const causes: unknown[] = [];
    const backend = await this.nextToStart(undefined, skipped, causes);
    if (backend !== undefined) {
      this.settle(backend, skipped);
      return backend;
    }
    throw new BackendUnavailableError(
      `No backend starts. Tried were:\n${skipped.map(({ backend, reason }) => `- ${backend}: ${reason}`).join("\n")}\n` +
        "Install what one of them needs, or name another one as `backend`.",
      skipped,
      { cause: new AggregateError(causes) },
    );
  }

  /** Goes on from the choice to the first that does not refuse with UnsupportedError, which is the choice from then on. */
  protected async firstThatCan<T>(action: (backend: B) => Promise<T>): Promise<T> {
    let backend = await this.chosen();
    const skipped = [...this.skipped];
    let refusal: unknown;
    for (;;) {
      try {
        const result = await action(backend);
        this.settle(backend, skipped);
        return result;
      } catch (error) {
        if (!isCnnTransferError(error, "UnsupportedError")) throw error;
        refusal ??= error;
        skipped.push({ backend: backend.name, reason: error.message });
        const next = await this.nextToStart(backend, skipped);
        // None can: what the best one says is of most use.
        if (next === undefined) throw refusal;
        backend = next;
      }
    }
  }

  /** The first candidate that starts, of those that come after another; the others are added to `skipped`. */
  protected async nextToStart(
    after: B | undefined,
    skipped: SkippedBackend[],
    causes: unknown[] = [],
  ): Promise<B | undefined> {
    const first = after === undefined ? 0 : this.#candidates.indexOf(after) + 1;
    for (const candidate of this.#candidates.slice(first)) {
      try {
        await candidate.init();
        return candidate;
      } catch (error) {
        causes.push(error);
        skipped.push({ backend: candidate.name, reason: reasonOf(error) });
      }
    }
    return undefined;
  }

  /** From now on all work goes to this backend. */
  protected settle(backend: B, skipped: readonly SkippedBackend[]): void {
    this.#skipped = skipped;
    this.#chosen = backend;
    this.#choosing = Promise.resolve(backend);
  }

  #names(): string {
    return this.#candidates.map((candidate) => candidate.name).join(", ");
  }
}

class FirstTrainableToStart extends FirstToStart<TrainableBackend> implements AutoTrainableBackend {
  protected override check(candidate: unknown, option: string): void {
    checkTrainableBackend(candidate, option);
  }

  async loadForTraining(network: Network, options: TrainingOptions): Promise<TrainableNetwork> {
    checkNetwork("network", network);
    checkTrainingOptions(options);
    options.signal?.throwIfAborted();
    return this.firstThatCan((backend) => backend.loadForTraining(network, options));
  }
}

/** The short reason where the error has one, else its message. */
function reasonOf(error: unknown): string {
  if (error instanceof BackendUnavailableError && error.reasons[0]) return error.reasons[0].reason;
  return error instanceof Error ? error.message : String(error);
}

import type { TrainingState } from "../backends/trainable-backend.js";
import { FileAccessError, InvalidArgumentError, InvalidCheckpointError } from "../errors.js";
import { writeFileAtomically } from "../files/atomic-file.node.js";
import { isThere } from "../files/existing-file.node.js";
import type { WritableHDF5Engine } from "../hdf5/engine.js";
import { defaultWritableEngine } from "../hdf5/writable-engine.js";
import type { NetworkWeights } from "../network/network.js";
import { checkBoolean, describeValue } from "../options/check-option.js";
import { describeDifferences, type TrainingFacts } from "./checkpoint-facts.js";
import { decodeCheckpoint, encodeCheckpoint } from "./checkpoint-format.js";
import { epochsDone, type FitState } from "./fit-plan.js";

/** Where the state of training is kept. */
export interface CheckpointOptions {
  /** An HDF5 file, such as "training.checkpoint.h5". It is replaced in one step, and read only by this library. */
  readonly path: string;
  /** Epochs from one checkpoint to the next; the last epoch has one in any case. @default 1 */
  readonly every?: number | undefined;
  /**
   * Goes on from the file, with the same numbers as a training that was never stopped; begins anew where there is none. Data of
   * your own needs a method `batches({ pass })` for it, unless every pass has the same order.
   * @default false: a file that is there is an error
   */
  readonly resume?: boolean | undefined;
  /** Reads and writes the file. @default h5wasm() */
  readonly engine?: WritableHDF5Engine | undefined;
}

/** All that a training needs to go on. */
export interface Checkpoint {
  readonly fit: FitState;
  readonly network: TrainingState;
  /** Weights that early stopping will put back, so far. */
  readonly bestWeights: NetworkWeights | undefined;
}

/** The checkpoint file of a training. */
export interface CheckpointFile {
  /** What to go on from; undefined to begin anew. */
  resume(): Promise<Checkpoint | undefined>;
  /** Whether one is due after an epoch; after the last it always is. */
  isDue(fit: FitState, isLast: boolean): boolean;
  write(checkpoint: Checkpoint): Promise<void>;
}

/**
 * Checks the options, and that nothing is lost that is there already.
 *
 * @param describe says what the training is
 * @throws InvalidArgumentError for an option out of range
 * @throws FileAccessError if there is a file that is not to be resumed
 */
export async function openCheckpoint(
  options: CheckpointOptions,
  describe: () => Promise<TrainingFacts>,
): Promise<CheckpointFile> {
  const { path, every = 1, resume = false, engine = defaultWritableEngine() } = options;
  if (typeof path !== "string" || path === "") {
    throw new InvalidArgumentError(`\`checkpoint.path\` is ${describeValue(path)}: expected the path of a file.`);
  }
  if (!Number.isSafeInteger(every) || every < 1) {
    throw new InvalidArgumentError(
      `\`checkpoint.every\` is ${describeValue(every)}: expected a number of epochs, at least 1.`,
    );
  }
  checkBoolean("checkpoint.resume", resume);
  const there = await isThere(path);
  if (there && !resume) {
    throw new FileAccessError(
      `There is a checkpoint at "${path}" already. Pass \`resume: true\` to go on from it, or remove it to begin anew.`,
      { path, reason: "exists" },
    );
  }
  const facts = await describe();
  return {
    async resume() {
      if (!there) return undefined;
      const { checkpoint, facts: theirs } = await decodeCheckpoint(path, engine);
      const differences = describeDifferences(facts, theirs);
      if (differences.length > 0) throw otherTraining(path, differences);
      return checkpoint;
    },
    isDue: (fit, isLast) => isLast || epochsDone(fit) % every === 0,
    async write(checkpoint) {
      const bytes = await engine.encode(encodeCheckpoint(checkpoint, facts));
      await writeFileAtomically(path, bytes, { overwrite: true });
    },
  };
}

/**
 * Compares the rate that the last step before the checkpoint had with the one that the schedule gives for it: schedules are
 * functions, which cannot be compared otherwise.
 *
 * @throws InvalidCheckpointError if they differ
 */
export function checkRate(
  path: string,
  fit: FitState,
  rateOf: (place: { readonly step: number; readonly epoch: number }) => number,
): void {
  const before = fit.history.at(-1)?.learningRate;
  const epoch = epochsDone(fit) - 1;
  if (before === undefined || epoch < 0) return;
  const now = rateOf({ step: fit.steps - 1, epoch });
  if (now === before) return;
  throw otherTraining(path, [`schedule (${now} for step ${fit.steps - 1} here, ${before} in the file)`]);
}

function otherTraining(path: string, differences: readonly string[]): InvalidCheckpointError {
  return new InvalidCheckpointError(
    `Cannot resume from "${path}": it holds the state of another training. Different: ${differences.join("; ")}. Train with what it was begun with, or choose another path.`,
    { path, differences },
  );
}

import type { TrainingNotes } from "../keras/training-notes.js";
import type { LearningOptions } from "./head-options.js";
import { type Task, taskRules } from "./target.js";

/** How a model of a file goes on learning. */
export interface LearningOfFile {
  readonly learning: LearningOptions;
  /** Whether its penalties can be said, which not all of Keras's can. */
  readonly knowsPenalties: boolean;
}

/** How a model of a file goes on learning: what options say, else what the file says. */
export function learningOfFile(
  { compile, l1, l2 }: TrainingNotes,
  options: LearningOptions,
  task: Task,
): LearningOfFile {
  const told = options.l1 !== undefined || options.l2 !== undefined;
  const own = options.optimizer === undefined ? compile?.optimizer : undefined;
  // A learning rate alone is that of the file's optimizer.
  const { learningRate: rate, ...optimizer } = own ?? {};
  const smoothing = compile?.loss === taskRules(task).loss ? compile.labelSmoothing : undefined;
  return {
    learning: {
      ...options,
      ...(own !== undefined && {
        optimizer: optimizer as LearningOptions["optimizer"],
        learningRate: options.learningRate ?? rate,
      }),
      l1: options.l1 ?? l1,
      l2: options.l2 ?? l2,
      clipping: options.clipping ?? compile?.clipping,
      labelSmoothing: options.labelSmoothing ?? smoothing,
    },
    knowsPenalties: told || (l1 !== undefined && l2 !== undefined),
  };
}

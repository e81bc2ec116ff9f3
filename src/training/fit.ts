import type { TrainableNetwork } from "../backends/trainable-backend.js";
import { TrainingDivergedError } from "../errors.js";
import { writeFileAtomically } from "../files/atomic-file.node.js";
import type { NetworkWeights } from "../network/network.js";
import { trainingFacts } from "./checkpoint-facts.js";
import { checkRate, openCheckpoint } from "./checkpoint-file.js";
import { createEpochTimer } from "./epoch-timer.js";
import type { FitContext, FitOptions, RunningTraining, TrainingCallback } from "./fit-options.js";
import { epochLog, epochsDone, type FitPlan, type FitState, planFit, rateOf, startOfFit } from "./fit-plan.js";
import { GoodState } from "./good-state.js";
import type { EpochLog, TrainingProgress } from "./history.js";
import { openHistoryFile } from "./history-file.js";
import { checkOutputFiles } from "./output-files.js";
import { prepareRowWeights, type WeighRows } from "./row-weights.js";
import { taskRules } from "./target.js";
import { type EpochSums, trainEpoch } from "./train-epoch.js";
import type { TrainingData } from "./training-data.js";
import { openTrainingStream, type TrainingStream } from "./training-stream.js";
import { validateOn } from "./validate-network.js";
import { weightPenalty } from "./weight-penalty.js";

export type { FitContext, FitOptions } from "./fit-options.js";

/**
 * Trains a network for some epochs: any network, on any data of its task.
 *
 * @returns the figures of this call's epochs; of a call that was resumed, those before the stop too
 * @throws InvalidArgumentError for an option out of range, or data that is empty, of other classes, or has features that
 * are not finite
 * @throws ShapeMismatchError if rows have another shape
 * @throws TrainingDivergedError if the loss or a weight is not finite; the network is then as it was before the epoch
 * @throws InvalidCheckpointError if the checkpoint to go on from is damaged, or of another training
 * @throws FileAccessError if a file cannot be read or written
 */
export async function fitNetwork(
  network: TrainableNetwork,
  train: TrainingData,
  options: FitOptions,
  context: FitContext,
): Promise<readonly EpochLog[]> {
  const plan = planFit(train, options, context);
  await checkOutputFiles(options);
  const { signal } = options;
  const weigh = await prepareRowWeights(train, context.target, options, signal);
  const checkpoint =
    options.checkpoint && (await openCheckpoint(options.checkpoint, () => trainingFacts(train, options, context)));
  const resumed = await checkpoint?.resume();
  let state = resumed?.fit ?? startOfFit(plan, context);
  let bestWeights = resumed?.bestWeights;
  if (resumed !== undefined) {
    if (options.checkpoint !== undefined && plan.schedule !== undefined) {
      checkRate(options.checkpoint.path, state, (place) => rateOf(plan, state, place, Number.NaN));
    }
    await network.setState(resumed.network);
    context.onHistory(state.history);
  }
  const history = options.history && (await openHistoryFile(options.history, state));

  const stream = openTrainingStream(train, context.target, state.place, options);
  const loop: Loop = { network, train, options, context, plan, weigh, stream, timer: createEpochTimer(plan.epochs) };
  try {
    const good = await GoodState.of(network, context.training, resumed?.network ?? context.start);
    while (!state.stopped && epochsDone(state) < plan.epochs) {
      const epoch = await runEpoch(loop, state, good);
      const steps = epoch.state.steps - state.steps;
      let { weights } = epoch;
      state = epoch.state;
      const isLast = state.stopped || epochsDone(state) >= plan.epochs;
      const isDue = checkpoint?.isDue(state, isLast) === true;
      // Of a last epoch the optimizer's values are of no use, but for a checkpoint.
      const after = isLast && !isDue ? undefined : await good.advance(weights, steps);
      weights = after?.weights ?? weights;
      if (epoch.isBest) bestWeights = weights;
      await history?.write(state.history);
      if (epoch.saveBest) await saveBest(options, context, weights);
      if (after !== undefined && isDue) await checkpoint?.write({ fit: state, network: after, bestWeights });
    }
  } finally {
    await stream.close();
  }
  if (plan.earlyStopping?.restoreBest && bestWeights !== undefined) await network.setWeights(bestWeights);
  return state.history.filter(({ epoch }) => epoch > state.epochsBefore);
}

/** What stays the same over the epochs. */
interface Loop {
  readonly network: TrainableNetwork;
  readonly train: TrainingData;
  readonly options: FitOptions;
  readonly context: FitContext;
  readonly plan: FitPlan;
  readonly weigh: WeighRows;
  readonly stream: TrainingStream;
  readonly timer: ReturnType<typeof createEpochTimer>;
}

/** One epoch with its validation, and what follows from them. */
async function runEpoch(
  loop: Loop,
  state: FitState,
  good: GoodState,
): Promise<{
  readonly state: FitState;
  readonly weights: NetworkWeights;
  readonly isBest: boolean;
  readonly saveBest: boolean;
}> {
  const { network, train, options, context, plan, stream, timer } = loop;
  const { target, training } = context;
  const { validation, signal, onProgress, callbacks = [] } = options;
  const { metric } = taskRules(target.task);
  const index = epochsDone(state);
  const epoch = state.epochsBefore + index + 1;
  const place = (batch: number) => ({ step: state.steps + batch, epoch: index });
  let stopped = false;
  const running: RunningTraining = {
    stop: () => {
      stopped = true;
    },
    readWeights: () => network.readWeights(),
  };
  const progress = (sums: EpochSums): TrainingProgress => {
    const batches = Math.max(sums.batches, plan.batches ?? Math.ceil((sums.batches * train.length) / sums.rows));
    return {
      ...epochLog(metric, { epoch, learningRate: sums.learningRate }, sums, undefined),
      epochs: state.epochsBefore + plan.epochs,
      batch: sums.batches,
      batches,
      etaSeconds: timer.secondsLeft(index, sums.batches / batches),
    };
  };

  timer.start(index);
  await callEach(callbacks, (callback) => callback.onEpochBegin?.(epoch, running));
  const trained = await trainEpoch(
    network,
    stream.epoch(plan.stepsPerEpoch),
    target,
    loop.weigh,
    (batch) => rateOf(plan, state, place(batch), training.optimizer.learningRate),
    async (sums) => {
      onProgress?.(progress(sums));
      await callEach(callbacks, (callback) => callback.onBatchEnd?.(progress(sums), running));
    },
  );
  const where = { epoch, batch: trained.batches };
  if (trained.brokenLoss !== undefined) {
    throw await diverged(good, `the loss is ${trained.brokenLoss},`, where);
  }
  // The last step's weights have not been used yet, so no loss has shown whether they are sound.
  const weights = await good.readWeights();
  const broken = good.findBroken(weights);
  if (broken !== undefined) throw await diverged(good, `layer "${broken}" has weights that are`, where);

  const measured =
    validation &&
    (await validateOn(network, "validation", validation, target, {
      pass: 0,
      signal,
      targetColumn: options.targetColumn,
      penalty: weightPenalty(weights, training),
      labelSmoothing: training.labelSmoothing,
    }));
  const log = epochLog(metric, { epoch, learningRate: trained.learningRate }, trained, measured);
  const history = [...state.history, log];
  context.onHistory(history);
  if (measured !== undefined) onProgress?.({ ...progress(trained), ...log });
  const stopping = state.earlyStopping && plan.earlyStopping?.judge(state.earlyStopping, log, index);
  const figure = plan.best && log[plan.best.figure];
  const isBetter = figure !== undefined && plan.best?.isBetter(figure, state.best) === true;
  await callEach(callbacks, (callback) => callback.onEpochEnd?.(log, running));
  return {
    weights,
    isBest: stopping?.isBest === true && plan.earlyStopping?.restoreBest === true,
    saveBest: isBetter,
    state: {
      ...state,
      history,
      steps: state.steps + trained.batches,
      place: stream.place(),
      stopped: stopped || stopping?.stop === true,
      earlyStopping: stopping?.state,
      plateau: state.plateau && plan.plateau?.judge(state.plateau, log),
      best: isBetter ? figure : state.best,
    },
  };
}

async function callEach(
  callbacks: readonly TrainingCallback[],
  call: (callback: TrainingCallback) => unknown,
): Promise<void> {
  for (const callback of callbacks) await call(callback);
}

async function saveBest({ saveBest: best }: FitOptions, { encodeModel }: FitContext, weights: NetworkWeights) {
  if (best === undefined || encodeModel === undefined) return;
  await writeFileAtomically(best.path, await encodeModel(weights), { overwrite: true });
}

/** Puts the network back to where it was before the epoch. */
async function diverged(
  good: GoodState,
  what: string,
  place: { readonly epoch: number; readonly batch: number },
): Promise<TrainingDivergedError> {
  await good.restore();
  return new TrainingDivergedError(
    `Training stopped in batch ${place.batch} of epoch ${place.epoch}: ${what} not a finite number. The weights from before the epoch were put back. Look for NaN or very large values in the features, try a lower \`learningRate\` (a tenth of it), or bring the features to a smaller range.`,
    place,
  );
}

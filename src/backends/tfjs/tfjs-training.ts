import type { NdArray } from "../../ndarray.js";
import { checkWeightsMap } from "../../network/check-network.js";
import type { Network } from "../../network/network.js";
import { inferShapes } from "../../network/shapes.js";
import { validateNetwork } from "../../network/validate.js";
import { checkArray } from "../../options/check-array.js";
import { checkInputs, expectedInputs } from "../check-inputs.js";
import { checkRunOptions } from "../check-load-options.js";
import { createSerialQueue } from "../serial-queue.js";
import type { StepOptions, TrainableNetwork, TrainingOptions } from "../trainable-backend.js";
import { checkState } from "../training/check-state.js";
import { checkStepOptions, checkTargets } from "../training/training-options.js";
import { planTraining } from "../training/training-plan.js";
import { wrapFailure } from "./backend-failure.js";
import { beginWatched } from "./device-failures.js";
import { optimizerRule } from "./optimizer.js";
import type { TfjsRuntime } from "./runtime.js";
import { loadTfjsLayers, onBackend } from "./shared-tfjs.js";
import { refuseClosed, runBatch } from "./tfjs-network.js";
import { reserveStep, reserveTraining } from "./training-memory.js";
import {
  disposeBeyond,
  disposeState,
  readState,
  readWeights,
  startState,
  type TensorState,
  uploadState,
} from "./training-state.js";
import { takeStep } from "./training-step.js";
import { disposeWeights, readTensor, uploadWeights } from "./weight-tensors.js";

/** Loads a network for training. */
export async function loadNetworkForTraining(
  runtime: TfjsRuntime,
  network: Network,
  options: TrainingOptions,
): Promise<TrainableNetwork> {
  const { tf } = runtime;
  options.signal?.throwIfAborted();
  const training = planTraining({ name: runtime.name, differentiatesResizing: false }, network, options);
  const { plan } = training;
  const rule = optimizerRule(options.optimizer);
  await loadTfjsLayers();

  const release = reserveTraining(runtime, training, rule, options);
  let state: TensorState;
  try {
    state = await onBackend(runtime, () => startState(runtime, training, rule));
  } catch (error) {
    release?.();
    throw wrapFailure(error, `${runtime.name} could not take the weights of network "${network.name}"`);
  }

  const inputs = expectedInputs(network);
  const floatInputs = inputs.map((input) => ({ ...input, dtype: "float32" as const }));
  const outputShape = inferShapes(plan.network).get(training.output.name) ?? [];
  const parts = { runtime, training, options, rule };
  const queue = createSerialQueue();
  let closed: Promise<void> | undefined;

  async function step(xs: NdArray, ys: NdArray<"float32">, stepOptions: StepOptions) {
    const [rows = 1, ...row] = xs.shape;
    const releaseBatch = reserveStep(runtime, training, network, rows, row);
    const refuseFailed = beginWatched(runtime);
    try {
      const result = await takeStep(parts, state, xs, ys, stepOptions);
      try {
        const [loss] = (await readTensor(runtime, result.loss)).data;
        const outputs = await readTensor(runtime, result.outputs);
        await refuseFailed();
        tf.dispose([...result.replaced]);
        state = result.state;
        return { loss: loss as number, outputs };
      } catch (error) {
        disposeBeyond(runtime, result.state, state);
        throw error;
      } finally {
        tf.dispose([result.loss, result.outputs]);
      }
    } catch (error) {
      throw wrapFailure(
        error,
        `${runtime.name} failed in step ${state.step + 1} of training network "${network.name}"`,
      );
    } finally {
      releaseBatch?.();
    }
  }

  async function readOut<T>(read: () => Promise<T>): Promise<T> {
    const refuseFailed = beginWatched(runtime);
    try {
      const values = await read();
      await refuseFailed();
      return values;
    } catch (error) {
      throw wrapFailure(error, `${runtime.name} could not read the weights of network "${network.name}"`);
    }
  }

  return {
    inputShapes: inputs.map(({ shape }) => shape),
    outputs: plan.outputs,
    async run(batch, runOptions = {}) {
      refuseClosed(closed, network);
      checkRunOptions(runOptions);
      runOptions.signal?.throwIfAborted();
      checkInputs(inputs, batch);
      return queue.add(() => runBatch(runtime, plan, inputs, state.weights, batch, runOptions));
    },
    async step(xs, ys, stepOptions = {}) {
      refuseClosed(closed, network);
      checkArray("xs", xs, "a batch of inputs");
      checkArray("ys", ys, "the targets of the batch");
      const rows = checkInputs(xs.dtype === "float32" ? floatInputs : inputs, [xs]);
      checkTargets(network, rows, outputShape, ys);
      checkStepOptions(network, rows, stepOptions);
      return queue.add(() => step(xs, ys, stepOptions));
    },
    async readWeights() {
      refuseClosed(closed, network);
      return queue.add(() => readOut(() => readWeights(runtime, plan.network, state.weights)));
    },
    async setWeights(weights) {
      refuseClosed(closed, network);
      checkWeightsMap("weights", weights);
      validateNetwork({ ...plan.network, weights });
      await queue.add(async () => {
        const previous = state.weights;
        const next = await onBackend(runtime, () => uploadWeights(runtime, weights));
        state = { ...state, weights: next };
        disposeWeights(runtime, previous);
      });
    },
    async readState() {
      refuseClosed(closed, network);
      return queue.add(() => readOut(() => readState(runtime, training, rule, state)));
    },
    async setState(next) {
      refuseClosed(closed, network);
      checkState(training, rule.slots, next);
      await queue.add(async () => {
        const previous = state;
        state = await onBackend(runtime, () => uploadState(runtime, training, rule, next));
        disposeState(runtime, previous);
      });
    },
    dispose() {
      closed ??= queue.add(async () => {
        disposeState(runtime, state);
        release?.();
      });
      return closed;
    },
  };
}

import type { Scalar } from "@tensorflow/tfjs-core";
import { type NdArray, sizeOf } from "../../ndarray.js";
import type { Layer } from "../../network/layer.js";
import { createDropoutMasks } from "../dropout-masks.js";
import { normalNoise } from "../normal-noise.js";
import type { StepOptions, TrainingOptions } from "../trainable-backend.js";
import type { TrainingPlan } from "../training/training-plan.js";
import { evaluateLayer } from "./evaluate-layer.js";
import { clipGradients } from "./gradient-clipping.js";
import { meanLoss, outputOf } from "./losses.js";
import type { TrainingContext } from "./operations.js";
import type { OptimizerRule, WeightState } from "./optimizer.js";
import { penalizedGradient, penalties } from "./penalties.js";
import { runLayers } from "./run-layers.js";
import type { TfjsRuntime } from "./runtime.js";
import { onBackend, type Tensor } from "./shared-tfjs.js";
import { type TensorState, tensorOf } from "./training-state.js";
import { weightsOfLayer } from "./weight-tensors.js";

/** What stays the same for all steps. */
export interface StepParts {
  readonly runtime: TfjsRuntime;
  readonly training: TrainingPlan;
  readonly options: TrainingOptions;
  readonly rule: OptimizerRule;
}

/** What a step leaves behind: tensors that are the caller's. */
export interface StepTensors {
  readonly loss: Tensor;
  readonly outputs: Tensor;
  readonly state: TensorState;
  /** Those of the old state that the new one does not hold. */
  readonly replaced: readonly Tensor[];
}

/** Statistics of a batch that a BatchNormalization saw. */
interface BatchStatistics {
  readonly layer: string;
  readonly momentum: number;
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** One step. Returns new tensors; the old state stays valid until the caller frees what is replaced. */
export async function takeStep(
  parts: StepParts,
  state: TensorState,
  xs: NdArray,
  ys: NdArray<"float32">,
  step: StepOptions,
): Promise<StepTensors> {
  const { runtime, training } = parts;
  const { tf } = runtime;
  const statistics: BatchStatistics[] = [];
  let frozen: ReadonlyMap<string, Tensor> = new Map();
  try {
    frozen = await runLayers(runtime, training.frozen, {
      weights: state.weights,
      batch: () => xs,
      training: (layer) => contextOf(parts, state.step, layer, false, statistics),
    });
    return await onBackend(runtime, () => update(parts, state, frozen, ys, step, statistics));
  } finally {
    tf.dispose([...frozen.values()]);
    tf.dispose(statistics.flatMap(({ mean, variance }) => [mean, variance]));
  }
}

/** All that follows the layers that stand still, within one synchronous section. */
function update(
  parts: StepParts,
  state: TensorState,
  frozen: ReadonlyMap<string, Tensor>,
  ys: NdArray<"float32">,
  { learningRate, sampleWeights }: StepOptions,
  statistics: BatchStatistics[],
): StepTensors {
  const { runtime, training, options, rule } = parts;
  const { tf } = runtime;
  const { trained } = training;
  const old = trained.map((weight) => tensorOf(state.weights, weight));
  const rate = learningRate ?? options.optimizer.learningRate;
  let outputs: Tensor | undefined;
  try {
    const result = tf.tidy(() => {
      const targets = tf.tensor(ys.data, [...ys.shape], "float32");
      const rowWeights = sampleWeights === undefined ? undefined : tf.tensor(sampleWeights.data);
      const { loss: name, labelSmoothing = 0 } = options;
      const { value, grads } = tf.valueAndGrads(() => {
        const logits = computeLogits(parts, state, frozen, statistics);
        outputs = tf.keep(outputOf(tf, name, logits));
        return meanLoss(tf, name, labelSmoothing, logits, targets, rowWeights) as Scalar;
      })(old as Tensor[]);
      const gradients = clipGradients(
        tf,
        trained.map((weight, at) => penalizedGradient(tf, grads[at] as Tensor, old[at] as Tensor, weight)),
        options.clipping ?? {},
      );
      const next = trained.map(({ learningRateFactor }, at) => {
        const weight: WeightState = { value: old[at] as Tensor, slots: state.slots[at] as readonly Tensor[] };
        const gradient = gradients[at] as Tensor;
        const settings = { learningRate: Math.fround(rate * learningRateFactor), step: state.step + 1 };
        const stepped = rule.next(tf, weight, gradient, settings);
        gradient.dispose();
        return stepped;
      });
      const loss = tf.add(value, penalties(tf, old, trained));
      return { loss, next, moved: movedStatistics(runtime, state, statistics) } as never;
    }) as unknown as {
      readonly loss: Tensor;
      readonly next: readonly WeightState[];
      readonly moved: ReadonlyArray<readonly [string, Tensor, Tensor]>;
    };
    return {
      loss: result.loss,
      outputs: outputs as Tensor,
      ...replaceState(training, state, result.next, result.moved),
    };
  } catch (error) {
    outputs?.dispose();
    throw error;
  }
}

function computeLogits(
  parts: StepParts,
  { step, weights }: TensorState,
  frozen: ReadonlyMap<string, Tensor>,
  statistics: BatchStatistics[],
): Tensor {
  const { runtime, training } = parts;
  const values = new Map(frozen);
  for (const layer of training.differentiated) {
    const from = layer.inputs.map((name) => values.get(name) as Tensor);
    const applied = layer.name === training.output.name ? training.logits : layer;
    const context = contextOf(parts, step, layer, true, statistics);
    values.set(layer.name, evaluateLayer(runtime.tf, applied, from, weightsOfLayer(weights, layer), context));
  }
  return values.get(training.output.name) as Tensor;
}

function contextOf(
  { runtime: { tf }, training, options }: StepParts,
  step: number,
  layer: Layer,
  differentiated: boolean,
  statistics: BatchStatistics[],
): TrainingContext {
  const seeds = [options.seed, step, training.positions.get(layer.name) as number];
  return {
    differentiated,
    noise: {
      mask: (shape, rate) => tf.tensor(createDropoutMasks(seeds).draw(sizeOf(shape), rate), [...shape], "float32"),
      normal: (shape) => tf.tensor(normalNoise(seeds, sizeOf(shape)), [...shape], "float32"),
    },
    batchStatistics: training.isTrained(layer)
      ? ({ name, weightsOf, config: { momentum } }, mean, variance) =>
          void statistics.push({ layer: weightsOf ?? name, momentum, mean: tf.keep(mean), variance: tf.keep(variance) })
      : undefined,
  };
}

function replaceState(
  { trained }: TrainingPlan,
  state: TensorState,
  next: readonly WeightState[],
  moved: ReadonlyArray<readonly [string, Tensor, Tensor]>,
): Pick<StepTensors, "state" | "replaced"> {
  const weights = new Map([...state.weights].map(([name, tensors]) => [name, [...tensors]]));
  const replaced: Tensor[] = [...state.slots.flat()];
  const replace = (layer: string, position: number, tensor: Tensor) => {
    const tensors = weights.get(layer) as Tensor[];
    replaced.push(tensors[position] as Tensor);
    tensors[position] = tensor;
  };
  trained.forEach(({ layer, position }, at) => {
    replace(layer, position, (next[at] as WeightState).value);
  });
  for (const [layer, mean, variance] of moved) {
    const count = (weights.get(layer) as Tensor[]).length;
    replace(layer, count - 2, mean);
    replace(layer, count - 1, variance);
  }
  return { state: { step: state.step + 1, weights, slots: next.map(({ slots }) => slots) }, replaced };
}

/** Moving means and variances after this batch, `moving * momentum + batch * (1 - momentum)`, in the order of use. */
function movedStatistics(
  { tf }: TfjsRuntime,
  { weights }: TensorState,
  statistics: readonly BatchStatistics[],
): ReadonlyArray<readonly [string, Tensor, Tensor]> {
  const moved = new Map<string, readonly [Tensor, Tensor]>();
  for (const { layer, momentum, mean, variance } of statistics) {
    const own = weights.get(layer) as readonly Tensor[];
    const [movingMean, movingVariance] = moved.get(layer) ?? (own.slice(-2) as [Tensor, Tensor]);
    const move = (moving: Tensor, batch: Tensor) => tf.add(tf.mul(moving, momentum), tf.mul(batch, 1 - momentum));
    moved.set(layer, [move(movingMean, mean), move(movingVariance, variance)]);
  }
  return [...moved].map(([layer, [mean, variance]]) => [layer, mean, variance]);
}

import type { Scalar } from "@tensorflow/tfjs-core";
import { type NdArray, sizeOf } from "../../ndarray.js";
import type { TrainingOptions } from "../trainable-backend.js";
import { type AdamState, adamStep } from "./adam.js";
import { evaluateLayer } from "./evaluate-layer.js";
import type { TrainingContext } from "./operations.js";
import type { TfjsRuntime } from "./runtime.js";
import type { Tensor } from "./shared-tfjs.js";
import { type WeightTensors, weightsOfLayer } from "./tfjs-network.js";
import type { TrainableWeight, TrainingPlan } from "./training-plan.js";

/** Everything that a step changes. A step makes a new one and takes its place only when it has gone well. */
export interface TrainingState {
  readonly weights: WeightTensors;
  /** The optimizer's running means, one pair for each trainable weight. */
  readonly slots: readonly Omit<AdamState, "value">[];
}

/** Tensor of a trainable weight. */
export function tensorOf(weights: WeightTensors, { layer, position }: TrainableWeight): Tensor {
  return weights.get(layer)?.[position] as Tensor;
}

/** One step, all within one synchronous section. Returns new tensors; the old state stays valid until it is replaced. */
export function takeStep(
  runtime: TfjsRuntime,
  training: TrainingPlan,
  options: TrainingOptions,
  state: TrainingState,
  stepSize: number,
  drawMask: (length: number, rate: number) => Float32Array,
  xs: NdArray<"float32">,
  ys: NdArray<"float32">,
): {
  readonly loss: Tensor;
  readonly outputs: Tensor;
  readonly state: TrainingState;
  readonly replaced: readonly Tensor[];
} {
  const { tf } = runtime;
  const statistics: { layer: string; momentum: number; mean: Tensor; variance: Tensor }[] = [];
  const kept: Tensor[] = [];
  const keep = <T extends Tensor>(tensor: T): T => {
    kept.push(tf.keep(tensor));
    return tensor;
  };
  const context: TrainingContext = {
    dropoutMask: (shape, rate) => tf.tensor(drawMask(sizeOf(shape), rate), [...shape], "float32"),
    batchStatistics: ({ name, weightsOf, config }, mean, variance) =>
      void statistics.push({
        layer: weightsOf ?? name,
        momentum: config.momentum,
        mean: keep(mean),
        variance: keep(variance),
      }),
  };
  const old = training.trainable.map((weight) => tensorOf(state.weights, weight));
  let outputs: Tensor | undefined;
  try {
    const updated = tf.tidy(() => {
      const x = tf.tensor(xs.data, [...xs.shape], "float32");
      const y = tf.tensor(ys.data, [...ys.shape], "float32");
      const computeLoss = () => {
        const logits = computeLogits(runtime, training, state.weights, x, context);
        outputs = keep(tf.softmax(logits));
        return addPenalties(runtime, crossEntropy(runtime, logits, y), training, old, options.l2);
      };
      const { value: loss, grads } = tf.valueAndGrads(computeLoss)(old);
      const results = old.map((value, index) => {
        const { mean, square } = state.slots[index] as TrainingState["slots"][number];
        const gradient = grads[index] as Tensor;
        const next = adamStep(tf, { value, mean, square }, gradient, options.optimizer, stepSize);
        if (grads.lastIndexOf(gradient) === index) gradient.dispose();
        return next;
      });
      return { loss, results, statistics: movedStatistics(runtime, state.weights, statistics) } as never;
    }) as unknown as {
      readonly loss: Tensor;
      readonly results: readonly AdamState[];
      readonly statistics: ReadonlyArray<readonly [string, Tensor, Tensor]>;
    };
    const weights = new Map([...state.weights].map(([name, tensors]) => [name, [...tensors]]));
    const replaced: Tensor[] = state.slots.flatMap(({ mean, square }) => [mean, square]);
    const replace = (layer: string, position: number, tensor: Tensor) => {
      const tensors = weights.get(layer) as Tensor[];
      replaced.push(tensors[position] as Tensor);
      tensors[position] = tensor;
    };
    training.trainable.forEach(({ layer, position }, index) => {
      replace(layer, position, (updated.results[index] as AdamState).value);
    });
    for (const [layer, mean, variance] of updated.statistics) {
      const count = (weights.get(layer) as Tensor[]).length;
      replace(layer, count - 2, mean);
      replace(layer, count - 1, variance);
    }
    tf.dispose(kept.filter((tensor) => tensor !== outputs));
    return { loss: updated.loss, outputs: outputs as Tensor, state: { weights, slots: updated.results }, replaced };
  } catch (error) {
    tf.dispose(kept);
    throw error;
  }
}

function computeLogits(
  { tf }: TfjsRuntime,
  { plan, input, output, logits }: TrainingPlan,
  weights: WeightTensors,
  x: Tensor,
  context: TrainingContext,
): Tensor {
  const values = new Map<string, Tensor>([[input.name, x]]);
  for (const layer of plan.network.layers) {
    if (layer.name === input.name) continue;
    const from = layer.inputs.map((name) => values.get(name) as Tensor);
    const applied = layer.name === output.name ? logits : layer;
    values.set(layer.name, evaluateLayer(tf, applied, from, weightsOfLayer(weights, layer), context));
  }
  return values.get(output.name) as Tensor;
}

/** Mean over the batch of -sum(y * log(softmax(logits))), from the logits as Keras does, so that log(0) cannot come up. */
function crossEntropy({ tf }: TfjsRuntime, logits: Tensor, y: Tensor): Tensor {
  return tf.neg(tf.mean(tf.sum(tf.mul(y, tf.logSoftmax(logits)), -1)));
}

function addPenalties(
  { tf }: TfjsRuntime,
  loss: Tensor,
  { trainable }: TrainingPlan,
  values: readonly Tensor[],
  l2: number,
): Scalar {
  if (l2 === 0) return loss as Scalar;
  const kernels = values.filter((_, index) => trainable[index]?.penalized);
  return kernels.reduce((sum, kernel) => tf.add(sum, tf.mul(tf.sum(tf.square(kernel)), l2)), loss) as Scalar;
}

/** Moving means and variances after this batch, `moving * momentum + batch * (1 - momentum)`, in the order of use. */
function movedStatistics(
  { tf }: TfjsRuntime,
  weights: WeightTensors,
  statistics: readonly { layer: string; momentum: number; mean: Tensor; variance: Tensor }[],
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

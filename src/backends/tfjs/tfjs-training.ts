import type { Scalar } from "@tensorflow/tfjs-core";
import { InvalidArgumentError, ShapeMismatchError } from "../../errors.js";
import { type NdArray, sizeOf } from "../../ndarray.js";
import type { Network, NetworkWeights, Weight } from "../../network/network.js";
import { inferShapes } from "../../network/shapes.js";
import { validateNetwork } from "../../network/validate.js";
import type { TrainableNetwork, TrainingOptions } from "../backend.js";
import { checkInputs, expectedInputs } from "../check-inputs.js";
import { createDropoutMasks } from "../dropout-masks.js";
import { createSerialQueue } from "../serial-queue.js";
import { type AdamState, adamStep, adamStepSize } from "./adam.js";
import { wrapFailure } from "./backend-failure.js";
import { evaluateLayer, type TrainingContext } from "./evaluate-layer.js";
import { valueBytes } from "./layer-plan.js";
import type { TfjsRuntime } from "./runtime.js";
import { loadTfjsLayers, onBackend, type Tensor } from "./shared-tfjs.js";
import {
  bytesOfWeights,
  disposeWeights,
  readTensor,
  refuseClosed,
  runBatch,
  uploadWeights,
  type WeightTensors,
  weightsOfLayer,
} from "./tfjs-network.js";
import { planTraining, type TrainableWeight, type TrainingPlan } from "./training-plan.js";

/** Everything that a step changes. A step makes a new one and takes its place only when it has gone well. */
interface TrainingState {
  readonly weights: WeightTensors;
  /** The optimizer's running means, one pair for each trainable weight. */
  readonly slots: readonly Omit<AdamState, "value">[];
}

/** Loads a network for training. */
export async function loadNetworkForTraining(
  runtime: TfjsRuntime,
  network: Network,
  options: TrainingOptions,
): Promise<TrainableNetwork> {
  const { tf, backend } = runtime;
  options.signal?.throwIfAborted();
  checkOptions(options);
  const training = planTraining(runtime, network);
  const { plan } = training;
  await loadTfjsLayers();

  const weightBytes = bytesOfWeights(plan.network);
  const release = runtime.memory?.reserve(
    `Cannot load network "${network.name}" for training on ${runtime.name}`,
    [
      { what: "weights, held twice", bytes: 2 * weightBytes },
      { what: "gradients", bytes: weightBytes },
      { what: "Adam's running means", bytes: 2 * weightBytes },
      // A step makes all of them anew before it lets go of the old ones.
      { what: "the next weights and running means", bytes: 3 * weightBytes },
      { what: "Adam's intermediate values", bytes: 4 * largestWeight(plan.network) },
      { what: "the L2 penalty's", bytes: options.l2 > 0 ? 3 * weightBytes : 0 },
    ],
    "Train a smaller head (pool the features), or use tfjsNode(), which takes all of the machine's memory.",
  );
  let state: TrainingState;
  try {
    state = await onBackend(tf, backend, () => startState(runtime, plan.network, training.trainable));
  } catch (error) {
    release?.();
    throw wrapFailure(error, `${runtime.name} could not take the weights of network "${network.name}"`);
  }

  const inputs = expectedInputs(network);
  const inputShapes = inputs.map(({ shape }) => shape);
  const classes = inferShapes(plan.network).get(training.output.name) ?? [];
  const masks = createDropoutMasks(options.seed);
  const queue = createSerialQueue();
  let steps = 0;
  let closed: Promise<void> | undefined;

  async function step(xs: NdArray<"float32">, ys: NdArray<"float32">) {
    const stepSize = adamStepSize(options.optimizer, steps + 1);
    const releaseBatch = reserveStep(runtime, training, network, xs);
    try {
      const result = await onBackend(tf, backend, () =>
        takeStep(runtime, training, options, state, stepSize, masks.draw, xs, ys),
      );
      tf.dispose([...result.replaced]);
      state = result.state;
      steps += 1;
      try {
        const [loss] = await result.loss.data();
        return { loss: loss as number, outputs: await readTensor(result.outputs) };
      } finally {
        tf.dispose([result.loss, result.outputs]);
      }
    } catch (error) {
      throw wrapFailure(error, `${runtime.name} failed in step ${steps + 1} of training network "${network.name}"`);
    } finally {
      releaseBatch?.();
    }
  }

  return {
    inputShapes,
    outputs: plan.outputs,
    async run(batch, runOptions = {}) {
      refuseClosed(closed, network);
      runOptions.signal?.throwIfAborted();
      checkInputs(inputs, batch);
      return queue.add(() => runBatch(runtime, plan, inputs, state.weights, batch, runOptions));
    },
    async step(xs, ys) {
      refuseClosed(closed, network);
      const rows = checkInputs(
        inputs.map((input) => ({ ...input, dtype: "float32" })),
        [xs],
      );
      checkTargets(network, rows, classes, ys);
      return queue.add(() => step(xs, ys));
    },
    async readWeights() {
      refuseClosed(closed, network);
      return queue.add(() => readState(plan.network, state));
    },
    async setWeights(weights) {
      refuseClosed(closed, network);
      const replaced = { ...plan.network, weights };
      validateNetwork(replaced);
      await queue.add(async () => {
        const previous = state.weights;
        const next = await onBackend(tf, backend, () => uploadWeights(runtime, replaced));
        state = { ...state, weights: next };
        disposeWeights(runtime, previous);
      });
    },
    dispose() {
      closed ??= queue.add(async () => {
        disposeWeights(runtime, state.weights);
        tf.dispose(state.slots.flatMap(({ mean, square }) => [mean, square]));
        release?.();
      });
      return closed;
    },
  };
}

function checkOptions({ loss, optimizer, l2, seed }: TrainingOptions): void {
  const refuse = (option: string, value: unknown, expected: string) => {
    throw new InvalidArgumentError(`\`${option}\` is ${JSON.stringify(value)}: expected ${expected}.`);
  };
  if (loss !== "categorical_crossentropy") refuse("loss", loss, '"categorical_crossentropy"');
  if (optimizer.name !== "adam") refuse("optimizer.name", optimizer.name, '"adam"');
  if (!(optimizer.learningRate > 0)) refuse("optimizer.learningRate", optimizer.learningRate, "a number > 0");
  if (!(optimizer.epsilon >= 0)) refuse("optimizer.epsilon", optimizer.epsilon, "a number >= 0");
  for (const beta of ["beta1", "beta2"] as const) {
    if (!(optimizer[beta] >= 0 && optimizer[beta] < 1)) refuse(`optimizer.${beta}`, optimizer[beta], "0 <= number < 1");
  }
  if (!(l2 >= 0 && Number.isFinite(l2))) refuse("l2", l2, "a number >= 0");
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) refuse("seed", seed, "an integer in 0..4294967295");
}

function checkTargets(
  network: Network,
  rows: number,
  classes: readonly (number | null)[],
  ys: NdArray<"float32">,
): void {
  const expected = [rows, ...classes];
  const fits =
    ys.shape.length === expected.length && expected.every((axis, at) => axis === null || axis === ys.shape[at]);
  if (ys.dtype === "float32" && fits && ys.data.length === sizeOf(ys.shape)) return;
  throw new ShapeMismatchError(
    `Cannot train network "${network.name}": \`ys\` must be float32 [${expected.join(", ")}], one row of class probabilities for each row of \`xs\`, ` +
      `but ${ys.dtype} [${ys.shape.join(", ")}] with ${ys.data.length} values came.`,
    { expected, received: ys.shape },
  );
}

function largestWeight(network: Network): number {
  let bytes = 0;
  for (const weights of network.weights.values()) {
    for (const { array } of weights) bytes = Math.max(bytes, array.data.byteLength);
  }
  return bytes;
}

function startState(runtime: TfjsRuntime, network: Network, trainable: readonly TrainableWeight[]): TrainingState {
  const { tf } = runtime;
  const weights = uploadWeights(runtime, network);
  const slots = trainable.map((weight) => {
    const { shape } = tensorOf(weights, weight);
    return { mean: tf.zeros(shape), square: tf.zeros(shape) };
  });
  return { weights, slots };
}

function tensorOf(weights: WeightTensors, { layer, position }: TrainableWeight): Tensor {
  return weights.get(layer)?.[position] as Tensor;
}

function reserveStep(
  { memory, name }: TfjsRuntime,
  { plan, input }: TrainingPlan,
  network: Network,
  xs: NdArray<"float32">,
): (() => void) | undefined {
  if (memory === undefined) return undefined;
  const rows = xs.shape[0] as number;
  const bytes = valueBytes(plan, new Map([[input.name, xs.shape.slice(1)]]), rows);
  let activations = 0;
  for (const value of bytes.values()) activations += value;
  return memory.reserve(
    `Cannot train network "${network.name}" on a batch of ${rows} on ${name}`,
    [
      { what: "activations", bytes: activations },
      { what: "their gradients and masks", bytes: 2 * activations },
    ],
    "Use smaller batches, or tfjsNode(), which takes all of the machine's memory.",
  );
}

/** One step, all within one synchronous section. Returns new tensors; the old state stays valid until it is replaced. */
function takeStep(
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

async function readState(network: Network, { weights }: TrainingState): Promise<NetworkWeights> {
  const read = new Map<string, readonly Weight[]>();
  for (const [layer, own] of network.weights) {
    const tensors = weights.get(layer) ?? [];
    const values: Weight[] = [];
    for (const [index, { name }] of own.entries()) {
      values.push({ name, array: await readTensor(tensors[index] as Tensor) });
    }
    read.set(layer, values);
  }
  return read;
}

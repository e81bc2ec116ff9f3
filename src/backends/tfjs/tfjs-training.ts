import { InvalidArgumentError, ShapeMismatchError } from "../../errors.js";
import { type NdArray, sizeOf } from "../../ndarray.js";
import type { Network, NetworkWeights, Weight } from "../../network/network.js";
import { inferShapes } from "../../network/shapes.js";
import { validateNetwork } from "../../network/validate.js";
import { checkInputs, expectedInputs } from "../check-inputs.js";
import { createDropoutMasks } from "../dropout-masks.js";
import { createSerialQueue } from "../serial-queue.js";
import type { TrainableNetwork, TrainingOptions } from "../trainable-backend.js";
import { adamStepSize } from "./adam.js";
import { wrapFailure } from "./backend-failure.js";
import { valueBytes } from "./layer-plan.js";
import type { TfjsRuntime } from "./runtime.js";
import { loadTfjsLayers, onBackend, type Tensor } from "./shared-tfjs.js";
import { bytesOfWeights, disposeWeights, readTensor, refuseClosed, runBatch, uploadWeights } from "./tfjs-network.js";
import { planTraining, type TrainableWeight, type TrainingPlan } from "./training-plan.js";
import { type TrainingState, takeStep, tensorOf } from "./training-step.js";

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

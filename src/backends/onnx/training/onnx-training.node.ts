import { ClosedError } from "../../../errors.js";
import { type NdArray, sizeOf } from "../../../ndarray.js";
import { checkWeightsMap } from "../../../network/check-network.js";
import type { Network, NetworkWeights, Weight } from "../../../network/network.js";
import { inferShapes } from "../../../network/shapes.js";
import { validateNetwork } from "../../../network/validate.js";
import { checkArray } from "../../../options/check-array.js";
import { checkInputs, expectedInputs } from "../../check-inputs.js";
import { checkRunOptions } from "../../check-load-options.js";
import { createDropoutMasks } from "../../dropout-masks.js";
import { normalNoise } from "../../normal-noise.js";
import { createSerialQueue } from "../../serial-queue.js";
import type { StepOptions, TrainableNetwork, TrainingOptions, TrainingState } from "../../trainable-backend.js";
import { checkState } from "../../training/check-state.js";
import { checkStepOptions, checkTargets } from "../../training/training-options.js";
import { planTraining, type TrainingPlan } from "../../training/training-plan.js";
import type { SessionSettings } from "../session-thread.node.js";
import { noiseRow } from "./forward-graph.js";
import { TrainingSession, type ValuesOf, valuesOf, weightsOf } from "./training-session.node.js";
import type { ThreadFeed } from "./training-thread.node.js";

/** Loads a network for training in a thread of its own. */
export async function loadNetworkForTraining(
  network: Network,
  options: TrainingOptions,
  settings: SessionSettings,
): Promise<TrainableNetwork> {
  const training = planTraining({ name: "onnx", differentiatesResizing: true }, withOwnArrays(network), options);
  let session = await TrainingSession.start(training, options, settings);
  if (options.signal?.aborted) {
    await session.close();
    options.signal.throwIfAborted();
  }

  const inputs = expectedInputs(network);
  const floatInputs = inputs.map((input) => ({ ...input, dtype: "float32" as const }));
  const outputShape = inferShapes(training.plan.network).get(training.output.name) ?? [];
  const queue = createSerialQueue();
  let steps = 0;
  let closed: Promise<void> | undefined;

  function refuseClosed(): void {
    if (closed) throw new ClosedError("The network was disposed of and cannot be trained. Load it once more.");
  }

  /** Starts anew where weights differ that the graph holds as constants; else only the variables are written. */
  async function replace(weights: NetworkWeights, state: TrainingState | undefined): Promise<void> {
    const values = state === undefined ? weightsOf(weights) : valuesOf(state);
    const { weights: own, statistics } = session.graph;
    const changing = new Set([
      ...own.map(({ trained: { layer, name } }) => JSON.stringify([layer, name])),
      ...statistics.map(({ layer, weight }) => JSON.stringify([layer, weight])),
    ]);
    const isKept = (layer: string, { name, array }: Weight) =>
      changing.has(JSON.stringify([layer, name])) ||
      areEqual(array.data, weightsOf(session.network.weights)(layer, name, undefined));
    if ([...weights].every(([layer, all]) => all.every((weight) => isKept(layer, weight)))) {
      await session.write((layer, name, slot) => (slot && !state ? undefined : values(layer, name, slot)));
      return;
    }
    const next = state ?? {
      step: steps,
      weights,
      slots: slotsOf(training, session.update.slots, await session.read()),
    };
    const anew = await TrainingSession.start(withWeights(training, weights), options, settings, next);
    await session.close();
    session = anew;
  }

  return {
    inputShapes: inputs.map(({ shape }) => shape),
    outputs: training.plan.outputs,
    async run(batch, runOptions = {}) {
      refuseClosed();
      checkRunOptions(runOptions);
      runOptions.signal?.throwIfAborted();
      checkInputs(inputs, batch);
      const feeds = batch.map(({ data, shape }, at) =>
        feed(inputs[at]?.name ?? "", data.slice() as Float32Array, shape),
      );
      return queue.add(async () => {
        runOptions.signal?.throwIfAborted();
        const values = await session.run(feeds);
        runOptions.signal?.throwIfAborted();
        return values;
      });
    },
    async step(xs, ys, stepOptions = {}) {
      refuseClosed();
      checkArray("xs", xs, "a batch of inputs");
      checkArray("ys", ys, "the targets of the batch");
      const rows = checkInputs(xs.dtype === "float32" ? floatInputs : inputs, [xs]);
      checkTargets(network, rows, outputShape, ys);
      checkStepOptions(network, rows, stepOptions);
      const batch = batchFeeds(session, xs, ys, stepOptions);
      return queue.add(async () => {
        const { learningRate = options.optimizer.learningRate } = stepOptions;
        const feeds = [...batch, ...noiseFeeds(session, training, [options.seed, steps], xs)];
        const result = await session.step(feeds, { learningRate, step: steps + 1 });
        steps += 1;
        return result;
      });
    },
    async readWeights() {
      refuseClosed();
      return queue.add(async () => readWeights(session.network, await session.read()));
    },
    async setWeights(weights) {
      refuseClosed();
      checkWeightsMap("weights", weights);
      validateNetwork({ ...training.plan.network, weights });
      const copy = copyWeights(weights);
      await queue.add(() => replace(copy, undefined));
    },
    async readState() {
      refuseClosed();
      return queue.add(async () => {
        const values = await session.read();
        const slots = slotsOf(training, session.update.slots, values);
        return { step: steps, weights: readWeights(session.network, values), slots };
      });
    },
    async setState(state) {
      refuseClosed();
      checkState(training, session.update.slots, state);
      const weights = copyWeights(state.weights);
      const slots = new Map([...state.slots].map(([slot, values]) => [slot, copyWeights(values)]));
      await queue.add(async () => {
        await replace(weights, { step: state.step, weights, slots });
        steps = state.step;
      });
    },
    dispose() {
      closed ??= queue.add(() => session.close());
      return closed;
    },
  };
}

function feed(name: string, data: Float32Array | Uint8Array, dims: readonly number[]): ThreadFeed {
  return { name, data, dims };
}

/** What a batch brings along, copied. */
function batchFeeds(
  { graph: { inputs } }: TrainingSession,
  xs: NdArray,
  ys: NdArray<"float32">,
  { sampleWeights }: StepOptions,
): readonly ThreadFeed[] {
  const [rows = 1, ...row] = ys.shape;
  // The mean of the losses is taken over all axes but the last.
  const count = sizeOf([rows, ...row.slice(0, -1)]);
  const shares = Float32Array.from({ length: rows }, (_, at) => (sampleWeights?.data[at] ?? 1) / count);
  return [
    feed(inputs.xs, new Float32Array(xs.data as Float32Array | Uint8Array), xs.shape),
    feed(inputs.ys, ys.data.slice(), ys.shape),
    feed(inputs.shares, shares, [rows, ...row.map(() => 1)]),
  ];
}

/** The random numbers of a step. They depend on nothing but the training's seed, the steps before, and the layer. */
function noiseFeeds(
  { graph: { noise } }: TrainingSession,
  training: TrainingPlan,
  seeds: readonly [seed: number, steps: number],
  xs: NdArray,
): readonly ThreadFeed[] {
  if (noise.length === 0) return [];
  const [rows = 1, ...row] = xs.shape;
  const shapes = inferShapes(training.plan.network, [row]);
  return noise.map(({ tensor, layer, noise: of }) => {
    const shape = [rows, ...(noiseRow(of, shapes.get(layer) ?? []) as readonly number[])];
    const all = [...seeds, training.positions.get(layer) as number];
    const length = sizeOf(shape);
    const numbers = of.kind === "mask" ? createDropoutMasks(all).draw(length, of.rate) : normalNoise(all, length);
    return feed(tensor, numbers, shape);
  });
}

function readWeights({ weights }: Network, values: ValuesOf): NetworkWeights {
  return new Map(
    [...weights].map(([layer, own]) => [
      layer,
      own.map(({ name, array: { dtype, shape, data } }) => ({
        name,
        array: { dtype, shape: [...shape], data: values(layer, name, undefined) ?? data.slice() },
      })),
    ]),
  );
}

/** The optimizer's running values, by slot and layer. */
function slotsOf(
  { plan, trained }: TrainingPlan,
  slots: readonly string[],
  values: ValuesOf,
): ReadonlyMap<string, NetworkWeights> {
  return new Map(
    slots.map((slot) => {
      const ofSlot = new Map<string, Weight[]>();
      for (const { layer, name, position } of trained) {
        const shape = plan.network.weights.get(layer)?.[position]?.array.shape ?? [];
        const data = values(layer, name, slot) as Float32Array;
        ofSlot.set(layer, [...(ofSlot.get(layer) ?? []), { name, array: { dtype: "float32", shape, data } }]);
      }
      return [slot, ofSlot];
    }),
  );
}

function withWeights(training: TrainingPlan, weights: NetworkWeights): TrainingPlan {
  const { plan } = training;
  return { ...training, plan: { ...plan, network: { ...plan.network, weights } } };
}

/**
 * The network with an array for every weight. A graph knows its weights by their arrays: two that begin with the same one,
 * such as one of zeros for all biases, would be one weight there.
 */
function withOwnArrays(network: Network): Network {
  const taken = new Set<Float32Array>();
  const own = ({ name, array }: Weight): Weight => {
    const data = taken.has(array.data) ? array.data.slice() : array.data;
    taken.add(data);
    return { name, array: { ...array, data } };
  };
  return { ...network, weights: new Map([...network.weights].map(([layer, weights]) => [layer, weights.map(own)])) };
}

function copyWeights(weights: NetworkWeights): NetworkWeights {
  return new Map(
    [...weights].map(([layer, own]) => [
      layer,
      own.map(({ name, array }) => ({ name, array: { ...array, data: array.data.slice() } })),
    ]),
  );
}

function areEqual(a: Float32Array, b: Float32Array | undefined): boolean {
  return a === b || (b !== undefined && a.length === b.length && a.every((value, at) => Object.is(value, b[at])));
}

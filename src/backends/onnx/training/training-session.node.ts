import { UnsupportedError } from "../../../errors.js";
import type { NdArray } from "../../../ndarray.js";
import type { Network, NetworkWeights, Weight } from "../../../network/network.js";
import type { StepResult, TrainingOptions, TrainingState } from "../../trainable-backend.js";
import { compileOptimizerKernels } from "../../training/optimizer-kernels.js";
import { type OptimizerUpdate, optimizerUpdate, type UpdateSettings } from "../../training/optimizer-update.js";
import type { TrainingPlan } from "../../training/training-plan.js";
import { encodeModel } from "../encode-model.js";
import type { GraphValue, Initializer } from "../graph.js";
import { lower } from "../lower.js";
import { permute } from "../permute.js";
import { type SessionSettings, sessionOptions } from "../session-thread.node.js";
import { bindWeights, inverse } from "./bind-weights.js";
import { blockGraph } from "./gradient-blocks.js";
import { initializerShape } from "./tensor-shapes.js";
import { type TrainingGraph, trainingGraph } from "./training-graph.js";
import { type ThreadFeed, TrainingThread } from "./training-thread.node.js";

/** Values that are read or written, by what they are of: a weight, or a running value of the optimizer. */
export type ValuesOf = (layer: string, weight: string, slot: string | undefined) => Float32Array | undefined;

/** A weight, one of its running values, or a statistic: what the training changes. */
interface Variable {
  readonly layer: string;
  readonly weight: string;
  /** Name of the running value; undefined for the weight itself. */
  readonly slot: string | undefined;
  readonly layout: Initializer;
}

/** The graph of a training in a thread, with its weights. */
export class TrainingSession {
  /** With the weights that the training does not change. */
  readonly network: Network;
  readonly graph: TrainingGraph;
  readonly update: OptimizerUpdate;
  readonly #variables: readonly Variable[];
  readonly #options: TrainingOptions;
  readonly #training: TrainingPlan;
  readonly #settings: SessionSettings;
  readonly #thread: TrainingThread;
  #prepared = false;

  private constructor(training: TrainingPlan, options: TrainingOptions, settings: SessionSettings) {
    this.network = training.plan.network;
    this.update = optimizerUpdate(options.optimizer);
    this.graph = trainingGraph(training, options);
    refuseTooLarge(this.network.name, this.graph, this.update.slots.length);
    this.#variables = variablesOf(this.graph, this.update.slots);
    this.#options = options;
    this.#training = training;
    this.#settings = settings;
    // Last, as a thread that was started for a network that is refused would never end.
    this.#thread = new TrainingThread();
  }

  /**
   * @throws UnsupportedError if the network cannot be trained here
   * @throws BackendError if the thread does not start, or ONNX Runtime refuses the graph
   */
  static async start(
    training: TrainingPlan,
    options: TrainingOptions,
    settings: SessionSettings,
    state?: TrainingState,
  ): Promise<TrainingSession> {
    const session = new TrainingSession(training, options, settings);
    try {
      await session.#load(state);
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  async #load(state: TrainingState | undefined): Promise<void> {
    const { graph, outputs } = this.graph;
    const { kernel, kernelSlots } = this.update;
    const model = encodeModel(graph);
    const inBlocks = this.graph.weights.some(({ gradient }) => typeof gradient !== "string");
    const blockModel = inBlocks ? encodeModel(blockGraph) : undefined;
    const own = weightsOf(this.network.weights);
    const values = state && valuesOf(state);
    const start = (layout: Initializer, layer: string, weight: string) => ({
      data: toLayout(layout, (values ?? own)(layer, weight, undefined) as Float32Array),
      dims: initializerShape(layout),
    });
    const weights = this.graph.weights.map(({ trained: { layer, name, l1, l2 }, gradient, layout }) => ({
      ...start(layout, layer, name),
      name: layout.name,
      gradient,
      slots: kernelSlots.map((slot) => {
        if (slot === undefined) return undefined;
        const data = values?.(layer, name, slot);
        return data ? toLayout(layout, data) : "zeros";
      }),
      l1,
      l2,
    }));
    const statistics = this.graph.statistics.map(({ layer, weight, next, layout }) => ({
      ...start(layout, layer, weight),
      name: layout.name,
      next,
    }));
    const arrays = [...weights, ...statistics].map(({ data }) => data);
    const slots = weights.flatMap((weight) => weight.slots).filter((slot) => slot instanceof Float32Array);
    await this.#thread.request(
      `ONNX Runtime refused to train the network "${this.network.name}"`,
      {
        type: "load",
        model,
        blockModel,
        sessionOptions: sessionOptions(this.#settings),
        update: { module: compileOptimizerKernels(), kernel, clipping: this.#options.clipping ?? {} },
        weights,
        statistics,
        results: [outputs.loss, outputs.outputs],
      },
      [model.buffer, ...[...arrays, ...slots].map(({ buffer }) => buffer)],
    );
  }

  /** Takes a step. The values go to the thread and are gone afterwards. */
  async step(feeds: readonly ThreadFeed[], { learningRate, step }: UpdateSettings): Promise<StepResult> {
    const what = `ONNX Runtime failed in a step of training the network "${this.network.name}"`;
    const numbers = this.graph.weights.map(({ trained: { learningRateFactor } }) =>
      this.update.numbers({ learningRate: Math.fround(learningRate * learningRateFactor), step }),
    );
    const request = { type: "step", feeds, numbers } as const;
    const [loss, outputs] = await this.#thread.request(what, request, buffersOf(feeds));
    return { loss: loss?.data[0] as number, outputs: arrayOf(outputs) };
  }

  /** Infers with the weights of now. The values go to the thread and are gone afterwards. */
  async run(feeds: readonly ThreadFeed[]): Promise<readonly NdArray<"float32">[]> {
    if (!this.#prepared) await this.#prepare();
    const what = `ONNX Runtime failed while it ran the network "${this.network.name}"`;
    const outputs = await this.#thread.request(what, { type: "run", feeds }, buffersOf(feeds));
    return outputs.map(arrayOf);
  }

  async #prepare(): Promise<void> {
    const { plan, isTrained } = this.#training;
    const graph = lower(this.network, plan.outputs, isTrained);
    const held = new Map<Float32Array, Initializer>();
    for (const { layout } of [...this.graph.weights, ...this.graph.statistics]) {
      held.set(layout.data as Float32Array, layout);
    }
    const { layouts, constants, nodes } = bindWeights(graph.initializers, new Set(held.keys()), held);
    const variables = [...layouts.values()];
    const model = encodeModel({
      ...graph,
      nodes: [...nodes, ...graph.nodes],
      initializers: [...graph.initializers.filter(({ data }) => !held.has(data as Float32Array)), ...constants],
      inputs: [...graph.inputs, ...variables.map(inputOf)],
    });
    await this.#thread.request(
      `ONNX Runtime refused to run the network "${this.network.name}"`,
      {
        type: "prepare",
        model,
        sessionOptions: sessionOptions(this.#settings),
        variables: variables.map(({ name }) => name),
        outputs: graph.outputs.map(({ name }) => name),
      },
      [model.buffer],
    );
    this.#prepared = true;
  }

  /** Copies out what the training changes, in Keras's order of axes. */
  async read(): Promise<ValuesOf> {
    const what = `Cannot read the weights of the network "${this.network.name}"`;
    const arrays = await this.#thread.request(what, { type: "read" }, []);
    const values = new Map<string, Float32Array>();
    this.#variables.forEach(({ layer, weight, slot, layout }, at) => {
      values.set(keyOf(layer, weight, slot), fromLayout(layout, arrays[at]?.data));
    });
    return (layer, weight, slot) => values.get(keyOf(layer, weight, slot));
  }

  /** Replaces what the training changes; what is undefined stays. */
  async write(values: ValuesOf): Promise<void> {
    const what = `Cannot set the weights of the network "${this.network.name}"`;
    const arrays = this.#variables.map(({ layer, weight, slot, layout }) => {
      const data = values(layer, weight, slot);
      return data && toLayout(layout, data);
    });
    const buffers = arrays.flatMap((data) => (data === undefined ? [] : [data.buffer]));
    await this.#thread.request(what, { type: "write", values: arrays }, buffers);
  }

  /** Frees memory and ends the thread. */
  close(): Promise<void> {
    return this.#thread.close();
  }
}

/**
 * Refuses a weight that does not fit into one memory of WebAssembly with its gradient and running values.
 *
 * @param slots number of running values
 */
function refuseTooLarge(network: string, { weights }: TrainingGraph, slots: number): void {
  for (const { trained, gradient, layout } of weights) {
    const { layer, name, bytes } = trained;
    const gradientBytes =
      typeof gradient === "string" ? bytes : (bytes / (initializerShape(layout)[0] as number)) * gradient.rows;
    const all = bytes * (1 + slots) + gradientBytes;
    if (all <= largestMemory - 2 ** 16) continue;
    throw new UnsupportedError(
      `Cannot train network "${network}" on onnx: the weight "${name}" of layer "${layer}" takes ${bytes} bytes, and ${all} ` +
        "with its gradient and what the optimizer keeps: expected less than 4 GiB. Let the layer stand still " +
        "(`trainable: false`), take an optimizer that keeps less, or use tfjsNode().",
    );
  }
}

/** Bytes that a memory of WebAssembly holds. */
const largestMemory = 2 ** 32;

/** All that a training changes, in the order in which it is read and written. */
function variablesOf({ weights, statistics }: TrainingGraph, slots: readonly string[]): readonly Variable[] {
  return [
    ...weights.flatMap(({ trained: { layer, name }, layout }) =>
      [undefined, ...slots].map((slot) => ({ layer, weight: name, slot, layout })),
    ),
    ...statistics.map(({ layer, weight, layout }) => ({ layer, weight, slot: undefined, layout })),
  ];
}

/** The values of weights. */
export function weightsOf(weights: NetworkWeights): ValuesOf {
  return (layer, name) => weights.get(layer)?.find((weight: Weight) => weight.name === name)?.array.data;
}

/** The values of a state. */
export function valuesOf({ weights, slots }: TrainingState): ValuesOf {
  return (layer, name, slot) =>
    weightsOf(slot === undefined ? weights : (slots.get(slot) ?? new Map()))(layer, name, undefined);
}

function inputOf(layout: Initializer): GraphValue {
  return { name: layout.name, elementType: "float32", shape: initializerShape(layout) };
}

function keyOf(layer: string, weight: string, slot: string | undefined): string {
  return JSON.stringify([layer, weight, slot]);
}

function buffersOf(feeds: readonly ThreadFeed[]): readonly ArrayBufferLike[] {
  return feeds.map(({ data }) => data.buffer);
}

function arrayOf(
  value: { readonly data: Float32Array; readonly shape: readonly number[] } | undefined,
): NdArray<"float32"> {
  return { dtype: "float32", shape: (value?.shape ?? []).map(Number), data: value?.data as Float32Array };
}

/** A copy in the graph's order of axes. */
function toLayout({ shape, permutation }: Initializer, data: Float32Array): Float32Array {
  return permutation === undefined ? data.slice() : permute(data, shape, permutation);
}

/** The values in Keras's order of axes. */
function fromLayout(layout: Initializer, data: Float32Array = new Float32Array()): Float32Array {
  const { permutation } = layout;
  if (permutation === undefined) return data;
  return permute(data, initializerShape(layout), inverse(permutation));
}

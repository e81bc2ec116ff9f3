import type { NdArray } from "../../../ndarray.js";
import type { Network, NetworkWeights, Weight } from "../../../network/network.js";
import type { TrainingOptions, TrainingState } from "../../trainable-backend.js";
import type { TrainingPlan } from "../../training/training-plan.js";
import { encodeModel } from "../encode-model.js";
import type { GraphValue, Initializer } from "../graph.js";
import { lower } from "../lower.js";
import { permute } from "../permute.js";
import { type SessionSettings, sessionOptions } from "../session-thread.node.js";
import { bindWeights, inverse } from "./bind-weights.js";
import { initializerShape } from "./tensor-shapes.js";
import { type TrainingGraph, trainingGraph, type Variable } from "./training-graph.js";
import { type ThreadFeed, TrainingThread } from "./training-thread.node.js";

/** Values that are read or written, by what they are of: a weight, or a running value of the optimizer. */
export type ValuesOf = (layer: string, weight: string, slot: string | undefined) => Float32Array | undefined;

/** The graph of a training in a thread, with its weights. */
export class TrainingSession {
  /** With the weights that the training does not change. */
  readonly network: Network;
  readonly graph: TrainingGraph;
  readonly #training: TrainingPlan;
  readonly #settings: SessionSettings;
  readonly #thread = new TrainingThread();
  #prepared = false;

  private constructor(training: TrainingPlan, graph: TrainingGraph, settings: SessionSettings) {
    this.#training = training;
    this.#settings = settings;
    this.network = training.plan.network;
    this.graph = graph;
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
    const session = new TrainingSession(training, trainingGraph(training, options), settings);
    try {
      await session.#load(state);
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  async #load(state: TrainingState | undefined): Promise<void> {
    const { graph, variables, outputs } = this.graph;
    const model = encodeModel(graph);
    const started = variables.map((variable) => {
      const { layout, layer, weight, slot, name, isInput, parts } = variable;
      const own = slot === undefined ? weightsOf(this.network.weights) : () => new Float32Array(layout.data.length);
      const data = (state && valuesOf(state)(layer, weight, slot)) ?? (own(layer, weight, slot) as Float32Array);
      return { name, isInput, parts, data: toLayout(variable, data), dims: initializerShape(layout) };
    });
    await this.#thread.request(
      `ONNX Runtime refused to train the network "${this.network.name}"`,
      {
        type: "load",
        model,
        sessionOptions: sessionOptions(this.#settings),
        variables: started,
        results: [outputs.loss, outputs.outputs],
      },
      [model.buffer, ...started.map(({ data }) => data.buffer)],
    );
  }

  /** Takes a step. The values go to the thread and are gone afterwards. */
  async step(feeds: readonly ThreadFeed[]): Promise<{ readonly loss: number; readonly outputs: NdArray<"float32"> }> {
    const what = `ONNX Runtime failed in a step of training the network "${this.network.name}"`;
    const [loss, outputs] = await this.#thread.request(what, { type: "step", feeds }, buffersOf(feeds));
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
    for (const { slot, layout } of this.graph.variables) {
      if (slot === undefined) held.set(layout.data as Float32Array, layout);
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
    this.graph.variables.forEach((variable, at) => {
      values.set(keyOf(variable.layer, variable.weight, variable.slot), fromLayout(variable, arrays[at]?.data));
    });
    return (layer, weight, slot) => values.get(keyOf(layer, weight, slot));
  }

  /** Replaces what the training changes; what is undefined stays. */
  async write(values: ValuesOf): Promise<void> {
    const what = `Cannot set the weights of the network "${this.network.name}"`;
    const arrays = this.graph.variables.map((variable) => {
      const data = values(variable.layer, variable.weight, variable.slot);
      return data && toLayout(variable, data);
    });
    const buffers = arrays.flatMap((data) => (data === undefined ? [] : [data.buffer]));
    await this.#thread.request(what, { type: "write", values: arrays }, buffers);
  }

  /** Frees memory and ends the thread. */
  close(): Promise<void> {
    return this.#thread.close();
  }
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
function toLayout({ layout: { shape, permutation } }: Variable, data: Float32Array): Float32Array {
  return permutation === undefined ? data.slice() : permute(data, shape, permutation);
}

/** The values in Keras's order of axes. */
function fromLayout({ layout }: Variable, data: Float32Array = new Float32Array()): Float32Array {
  const { permutation } = layout;
  if (permutation === undefined) return data;
  return permute(data, initializerShape(layout), inverse(permutation));
}

import { ClosedError } from "../../errors.js";
import type { NdArray } from "../../ndarray.js";
import type { Layer } from "../../network/layer.js";
import type { Network, Weight } from "../../network/network.js";
import { validateNetwork } from "../../network/validate.js";
import type { AbortOptions, LoadedNetwork, LoadOptions } from "../backend.js";
import { checkInputs, type ExpectedInput, expectedInputs } from "../check-inputs.js";
import { checkLayers } from "../check-layers.js";
import { createSerialQueue } from "../serial-queue.js";
import { wrapFailure } from "./backend-failure.js";
import { evaluateLayer } from "./evaluate-layer.js";
import { type LayerPlan, peakBytes, planLayers, valueBytes } from "./layer-plan.js";
import type { TfjsRuntime } from "./runtime.js";
import { onBackend, type Tensor } from "./shared-tfjs.js";

/** Weights as tensors, by the layer that owns them, in Keras's order. */
export type WeightTensors = ReadonlyMap<string, readonly Tensor[]>;

/** Longest time in ms for which a run keeps the event loop waiting between two layers. */
const longestTurn = 50;

/** Loads a network for running. */
export async function loadNetwork(
  runtime: TfjsRuntime,
  network: Network,
  options: LoadOptions = {},
): Promise<LoadedNetwork> {
  const { tf, backend } = runtime;
  options.signal?.throwIfAborted();
  checkLayers(network, runtime.name);
  validateNetwork(network);
  const outputs = options.outputs ?? network.outputs;
  const plan = planLayers(network, outputs);
  const release = runtime.memory?.reserve(
    `Cannot load network "${network.name}" on ${runtime.name}`,
    [{ what: "weights, held twice", bytes: 2 * bytesOfWeights(plan.network) }],
    "Dispose networks that are not needed, or use onnx() or tfjsNode(), which take all of the machine's memory.",
  );
  let weights: WeightTensors;
  try {
    weights = await onBackend(tf, backend, () => uploadWeights(runtime, plan.network));
  } catch (error) {
    release?.();
    throw wrapFailure(error, `${runtime.name} could not take the weights of network "${network.name}"`);
  }

  const queue = createSerialQueue();
  const inputs = expectedInputs(network);
  let closed: Promise<void> | undefined;
  return {
    inputShapes: inputs.map(({ shape }) => shape),
    outputs,
    async run(batch, runOptions = {}) {
      refuseClosed(closed, network);
      runOptions.signal?.throwIfAborted();
      checkInputs(inputs, batch);
      return queue.add(() => runBatch(runtime, plan, inputs, weights, batch, runOptions));
    },
    dispose() {
      closed ??= queue.add(async () => {
        disposeWeights(runtime, weights);
        release?.();
      });
      return closed;
    },
  };
}

/** Throws ClosedError once a network is being disposed or is disposed. */
export function refuseClosed(closed: Promise<void> | undefined, network: Network): void {
  if (closed === undefined) return;
  throw new ClosedError(`Network "${network.name}" was disposed and cannot be used any more. Load it again.`);
}

/** Bytes of all weights of a network. */
export function bytesOfWeights(network: Network): number {
  let bytes = 0;
  for (const weights of network.weights.values()) for (const { array } of weights) bytes += array.data.byteLength;
  return bytes;
}

/** Copies weights into tensors. To be called on the backend. */
export function uploadWeights({ tf }: TfjsRuntime, network: Network): WeightTensors {
  const tensors = new Map<string, readonly Tensor[]>();
  try {
    for (const [name, weights] of network.weights) tensors.set(name, weights.map(upload));
  } catch (error) {
    tf.dispose([...tensors.values()].flat());
    throw error;
  }
  return tensors;

  // A copy, as the plain cpu backend would go on to look at the network's own array.
  function upload({ array }: Weight): Tensor {
    return tf.tensor(array.data.slice(), [...array.shape], "float32");
  }
}

/** Frees the tensors of weights. */
export function disposeWeights({ tf }: TfjsRuntime, weights: WeightTensors): void {
  tf.dispose([...weights.values()].flat());
}

/** Tensors of a layer's weights, its own or those it shares. */
export function weightsOfLayer(weights: WeightTensors, layer: Layer): readonly Tensor[] {
  return weights.get(layer.weightsOf ?? layer.name) ?? [];
}

/** Values of a tensor, copied out; frees nothing. */
export async function readTensor(tensor: Tensor): Promise<NdArray<"float32">> {
  // Some backends hand out the array that they go on to use, or another kind of array than the dtype says.
  const data = new Float32Array(await tensor.data());
  return { dtype: "float32", shape: [...tensor.shape], data };
}

/**
 * Runs a checked batch in inference mode, one layer at a time: values are freed after their last use, and between two
 * layers an abort is seen and the event loop gets its turn.
 */
export async function runBatch(
  runtime: TfjsRuntime,
  plan: LayerPlan,
  inputs: readonly ExpectedInput[],
  weights: WeightTensors,
  batch: readonly NdArray[],
  { signal }: AbortOptions,
): Promise<readonly NdArray<"float32">[]> {
  signal?.throwIfAborted();
  const { tf, backend } = runtime;
  const release = reserveActivations(runtime, plan, inputs, batch);
  const values = new Map<string, Tensor>();
  try {
    let turnStarted = performance.now();
    for (const [position, layer] of plan.network.layers.entries()) {
      if (performance.now() - turnStarted > longestTurn) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        turnStarted = performance.now();
      }
      signal?.throwIfAborted();
      const value = await onBackend(tf, backend, () =>
        layer.className === "InputLayer"
          ? uploadInput(runtime, batch[inputs.findIndex(({ name }) => name === layer.name)] as NdArray)
          : tf.tidy(() =>
              evaluateLayer(
                tf,
                layer,
                layer.inputs.map((name) => values.get(name) as Tensor),
                weightsOfLayer(weights, layer),
              ),
            ),
      );
      values.set(layer.name, value);
      for (const name of plan.lastUses[position] ?? []) {
        values.get(name)?.dispose();
        values.delete(name);
      }
    }
    const results: NdArray<"float32">[] = [];
    for (const name of plan.outputs) results.push(await readTensor(values.get(name) as Tensor));
    signal?.throwIfAborted();
    return results;
  } catch (error) {
    signal?.throwIfAborted();
    throw wrapFailure(error, `${runtime.name} failed while it ran network "${plan.network.name}"`);
  } finally {
    for (const value of values.values()) value.dispose();
    release?.();
  }
}

function uploadInput({ tf }: TfjsRuntime, { data, shape }: NdArray): Tensor {
  const values = data instanceof Float32Array ? data : new Float32Array(data as Uint8Array);
  return tf.tensor(values, [...shape], "float32");
}

function reserveActivations(
  { memory, name }: TfjsRuntime,
  plan: LayerPlan,
  inputs: readonly ExpectedInput[],
  batch: readonly NdArray[],
): (() => void) | undefined {
  if (memory === undefined) return undefined;
  const rows = new Map(inputs.map((input, index) => [input.name, batch[index]?.shape.slice(1) ?? []]));
  const batchSize = batch[0]?.shape[0] ?? 1;
  return memory.reserve(
    `Cannot run a batch of ${batchSize} through network "${plan.network.name}" on ${name}`,
    [{ what: "activations", bytes: peakBytes(plan, valueBytes(plan, rows, batchSize)) }],
    "Use smaller batches, or onnx() or tfjsNode(), which take all of the machine's memory.",
  );
}

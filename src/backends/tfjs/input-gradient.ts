import { BackendError, UnsupportedError } from "../../errors.js";
import type { NdArray } from "../../ndarray.js";
import type { Layer } from "../../network/layer.js";
import { isRegularization } from "../../network/layers/regularization.js";
import type { Network } from "../../network/network.js";
import type { AbortOptions } from "../backend.js";
import { checkInputGradient } from "../check-input-gradient.js";
import { planLayers, valueBytes } from "../training/layer-plan.js";
import { wrapFailure } from "./backend-failure.js";
import { beginWatched } from "./device-failures.js";
import { evaluateLayer } from "./evaluate-layer.js";
import type { TrainingContext } from "./operations.js";
import type { LayerNoise } from "./perturb.js";
import type { TfjsRuntime } from "./runtime.js";
import { loadTfjsLayers, messageOf, onBackend, type Tensor } from "./shared-tfjs.js";
import {
  bytesOfWeights,
  disposeWeights,
  readTensor,
  uploadWeights,
  type WeightTensors,
  weightsOfLayer,
} from "./weight-tensors.js";

/**
 * {@link GradientBackend.inputGradient} on tfjs. Layers run as in inference: dropout does nothing, and batch normalisation
 * takes its moving statistics.
 */
export async function inputGradient(
  runtime: TfjsRuntime,
  network: Network,
  inputs: readonly NdArray<"float32">[],
  seed: NdArray<"float32">,
  { signal }: AbortOptions,
): Promise<NdArray<"float32">> {
  const { name } = runtime;
  signal?.throwIfAborted();
  const { output, rows } = checkInputGradient(network, name, inputs, seed);
  refuseWrongGradients(runtime, network);
  await loadTfjsLayers();
  const release = reserve(runtime, network, output, inputs, rows);
  const refuseFailed = beginWatched(runtime);
  let weights: WeightTensors | undefined;
  let gradient: Tensor | undefined;
  try {
    signal?.throwIfAborted();
    weights = await onBackend(runtime, () => uploadWeights(runtime, network.weights));
    const own = weights;
    gradient = await onBackend(runtime, () => differentiate(runtime, network, output, own, inputs, seed));
    signal?.throwIfAborted();
    const values = await readTensor(runtime, gradient);
    await refuseFailed();
    return values;
  } catch (error) {
    signal?.throwIfAborted();
    throw explain(error, network, name);
  } finally {
    gradient?.dispose();
    if (weights !== undefined) disposeWeights(runtime, weights);
    release?.();
  }
}

function differentiate(
  { tf }: TfjsRuntime,
  network: Network,
  output: string,
  weights: WeightTensors,
  inputs: readonly NdArray<"float32">[],
  seed: NdArray<"float32">,
): Tensor {
  return tf.tidy(() => {
    const upload = ({ data, shape }: NdArray<"float32">) => tf.tensor(data.slice(), [...shape], "float32");
    const given = new Map(network.inputs.map((name, index) => [name, upload(inputs[index] as NdArray<"float32">)]));
    const [first = ""] = network.inputs;
    const weighted = (x: Tensor) => {
      const values = new Map<string, Tensor>([...given, [first, x]]);
      for (const layer of network.layers) {
        if (layer.className === "InputLayer") continue;
        const from = layer.inputs.map((name) => values.get(name) as Tensor);
        values.set(layer.name, evaluateLayer(tf, layer, from, weightsOfLayer(weights, layer), contextOf(layer)));
      }
      return tf.sum(tf.mul(values.get(output) as Tensor, upload(seed)));
    };
    return tf.grad(weighted)(given.get(first) as Tensor);
  });
}

/** How a layer runs so that gradients flow through it, as in inference otherwise. */
function contextOf(layer: Layer): TrainingContext | undefined {
  if (isRegularization(layer.className)) return undefined;
  return { differentiated: true, noise };
}

const noise: LayerNoise = { mask: refuseNoise, normal: refuseNoise };

/** @throws BackendError always: a layer that draws numbers belongs to those that pass their value on */
function refuseNoise(): never {
  throw new BackendError("A layer asked for random numbers though it is not trained.");
}

/** tfjs's gradients of resizing take the pixels' corners where the resizing itself takes their centres. */
function refuseWrongGradients({ name }: TfjsRuntime, network: Network): void {
  const layer = network.layers.find(
    ({ className, config }) =>
      className === "Resizing" ||
      (className === "UpSampling2D" && "interpolation" in config && config.interpolation !== "nearest"),
  );
  if (layer === undefined) return;
  throw new UnsupportedError(
    `Cannot differentiate network "${network.name}" on ${name}: layer "${layer.name}" (${layer.className}) has a gradient in tfjs that is wrong. Choose a layer behind it.`,
  );
}

/** All values of the way forward are kept for the way back, and each has a gradient. */
function reserve(
  { memory, name }: TfjsRuntime,
  network: Network,
  output: string,
  inputs: readonly NdArray[],
  rows: number,
): (() => void) | undefined {
  if (memory === undefined) return undefined;
  const plan = planLayers(network, [output]);
  const shapes = new Map(network.inputs.map((input, index) => [input, inputs[index]?.shape.slice(1) ?? []]));
  const values = [...valueBytes(plan, shapes, rows).values()].reduce((sum, bytes) => sum + bytes, 0);
  return memory.reserve(
    `Cannot differentiate a batch of ${rows} of network "${network.name}" on ${name}`,
    [
      { what: "weights, held twice", bytes: 2 * bytesOfWeights(network) },
      { what: "activations and their gradients", bytes: 3 * values },
    ],
    "Use smaller batches, a later layer, or tfjsNode(), which takes all of the machine's memory.",
  );
}

function explain(error: unknown, network: Network, name: string): unknown {
  const [, kernel] = /Kernel '(\w+)' not registered/.exec(messageOf(error)) ?? [];
  if (kernel === undefined)
    return wrapFailure(error, `${name} failed while it differentiated network "${network.name}"`);
  return new UnsupportedError(
    `Cannot differentiate network "${network.name}" on ${name}: it has no ${kernel}. Choose a layer nearer to the output, or use tfjsNode() or tfjsCpu().`,
    { cause: error },
  );
}

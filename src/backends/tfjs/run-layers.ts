import type { NdArray } from "../../ndarray.js";
import type { Layer } from "../../network/layer.js";
import type { LayerPlan } from "../training/layer-plan.js";
import { evaluateLayer } from "./evaluate-layer.js";
import type { TrainingContext } from "./operations.js";
import type { TfjsRuntime } from "./runtime.js";
import { onBackend, type Tensor } from "./shared-tfjs.js";
import { type WeightTensors, weightsOfLayer } from "./weight-tensors.js";

/** Longest time in ms for which a run keeps the event loop waiting between two layers. */
const longestTurn = 50;

/** What a run of layers needs beside their plan. */
export interface LayerRun {
  readonly weights: WeightTensors;
  /** Batch of an InputLayer, by its name. */
  readonly batch: (input: string) => NdArray;
  readonly signal?: AbortSignal | undefined;
  /** Present for layers that act while training, though no gradients are wanted. */
  readonly training?: ((layer: Layer) => TrainingContext) | undefined;
}

/**
 * Runs layers one at a time, without gradients: values are freed after their last use, and between two layers an abort is
 * seen and the event loop gets its turn.
 *
 * @returns the values of the plan's outputs, by layer; the caller frees them
 */
export async function runLayers(
  runtime: TfjsRuntime,
  plan: LayerPlan,
  { weights, batch, signal, training }: LayerRun,
): Promise<ReadonlyMap<string, Tensor>> {
  const { tf } = runtime;
  const values = new Map<string, Tensor>();
  try {
    let turnStarted = performance.now();
    for (const [position, layer] of plan.network.layers.entries()) {
      if (performance.now() - turnStarted > longestTurn) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        turnStarted = performance.now();
      }
      signal?.throwIfAborted();
      const value = await onBackend(runtime, () =>
        layer.className === "InputLayer"
          ? uploadBatch(runtime, batch(layer.name))
          : tf.tidy(() =>
              evaluateLayer(
                tf,
                layer,
                layer.inputs.map((name) => values.get(name) as Tensor),
                weightsOfLayer(weights, layer),
                training?.(layer),
              ),
            ),
      );
      values.set(layer.name, value);
      for (const name of plan.lastUses[position] ?? []) {
        values.get(name)?.dispose();
        values.delete(name);
      }
    }
    return values;
  } catch (error) {
    for (const value of values.values()) value.dispose();
    throw error;
  }
}

function uploadBatch({ tf }: TfjsRuntime, { data, shape }: NdArray): Tensor {
  const values = data instanceof Float32Array ? data : new Float32Array(data as Uint8Array);
  return tf.tensor(values, [...shape], "float32");
}

import type { Layer } from "../../network/layer.js";
import type { Network } from "../../network/network.js";
import type { TrainingOptions } from "../trainable-backend.js";
import { peakBytes, valueBytes, workspaceBytes } from "../training/layer-plan.js";
import type { TrainingPlan } from "../training/training-plan.js";
import type { MemoryNeed } from "./memory-budget.js";
import type { OptimizerRule } from "./optimizer.js";
import type { TfjsRuntime } from "./runtime.js";
import { bytesOfWeights } from "./weight-tensors.js";

/**
 * Reserves what a network under training holds all the time, and what a step's update takes.
 *
 * @returns gives it back; undefined where memory is not counted
 * @throws UnsupportedError if there is not enough
 */
export function reserveTraining(
  { memory, name }: TfjsRuntime,
  { plan, trained }: TrainingPlan,
  rule: OptimizerRule,
  { clipping }: TrainingOptions,
): (() => void) | undefined {
  if (memory === undefined) return undefined;
  const slots = rule.slots.length;
  const trainedBytes = trained.reduce((sum, { bytes }) => sum + bytes, 0);
  const largest = Math.max(...trained.map(({ bytes }) => bytes));
  const clips = clipping?.clipnorm ?? clipping?.globalClipnorm ?? clipping?.clipvalue;
  const needs: readonly MemoryNeed[] = [
    { what: "weights, held twice", bytes: 2 * bytesOfWeights(plan.network) },
    { what: "gradients", bytes: trainedBytes },
    { what: "the optimizer's running values", bytes: slots * trainedBytes },
    // A step makes all of them anew before it lets go of the old ones.
    { what: "the next weights and running values", bytes: (1 + slots) * trainedBytes },
    { what: "the optimizer's intermediate values", bytes: rule.intermediates * largest },
    { what: "a penalty's or clipping's", bytes: clips === undefined && !hasPenalty(trained) ? 0 : 2 * largest },
  ];
  return memory.reserve(
    `Cannot load network "${plan.network.name}" for training on ${name}`,
    needs.filter(({ bytes }) => bytes > 0),
    "Train fewer layers or a smaller head (pool the features), or use tfjsNode(), which takes all of the machine's memory.",
  );
}

/** Whether any trained weight has a penalty. */
export function hasPenalty(trained: TrainingPlan["trained"]): boolean {
  return trained.some(({ l1, l2 }) => l1 > 0 || l2 > 0);
}

/**
 * Reserves what one step takes beside that.
 *
 * @param row shape of one row of the input
 * @throws UnsupportedError if there is not enough
 */
export function reserveStep(
  { memory, name }: TfjsRuntime,
  { plan, frozen, input, differentiated }: TrainingPlan,
  network: Network,
  rows: number,
  row: readonly number[],
): (() => void) | undefined {
  if (memory === undefined) return undefined;
  const bytes = valueBytes(plan, new Map([[input.name, row]]), rows);
  let values = 0;
  let activations = 0;
  let gradient = 0;
  for (const layer of differentiated) {
    values += bytes.get(layer.name) ?? 0;
    activations += heldBytes(layer, bytes);
    gradient = Math.max(gradient, gradientBytes(layer, plan.network, bytes));
  }
  return memory.reserve(
    `Cannot train network "${network.name}" on a batch of ${rows} on ${name}`,
    [
      { what: "values of the layers that stand still", bytes: peakBytes(frozen, bytes) },
      { what: "activations", bytes: activations },
      { what: "their gradients and masks", bytes: 2 * values },
      ...(gradient > 0 ? [{ what: "the gradient of the largest convolution", bytes: gradient }] : []),
    ],
    "Use smaller batches, or tfjsNode(), which takes all of the machine's memory.",
  );
}

/** Bytes that a layer holds until its gradient is computed: each of its operations leaves its result. */
function heldBytes(layer: Layer, bytes: ReadonlyMap<string, number>): number {
  const own = bytes.get(layer.name) ?? 0;
  switch (layer.className) {
    case "Dropout":
    case "SpatialDropout1D":
    case "SpatialDropout2D":
    case "StochasticDepth":
      return 2 * own;
    case "GaussianDropout":
    case "GaussianNoise":
    case "AlphaDropout":
      return 6 * own;
    // The values on the way and those that the gradients of mean and variance take; as measured on wasm.
    case "BatchNormalization":
      return 13 * own;
    // Product, bias and activation.
    case "Dense":
    case "Conv2D":
    case "DepthwiseConv2D":
      return 2 * own + workspaceBytes(layer, bytes);
    default:
      return own + workspaceBytes(layer, bytes);
  }
}

/**
 * Bytes that the gradient of a convolution takes for a time: its image and the gradient of its output padded, and both
 * transformed, or turned and cut, which is four times as much; and its kernel transformed and together, or turned around.
 */
function gradientBytes(
  { name, className, config, inputs, weightsOf }: Layer,
  network: Network,
  bytes: ReadonlyMap<string, number>,
): number {
  if (!className.includes("Conv")) return 0;
  const own = bytes.get(name) ?? 0;
  const multiplier = "depthMultiplier" in config ? config.depthMultiplier : 1;
  const image = (bytes.get(inputs[0] ?? "") ?? 0) * multiplier;
  const kernels = network.weights.get(weightsOf ?? name) ?? [];
  return 5 * (image + own) + 3 * kernels.reduce((sum, { array }) => sum + array.data.byteLength, 0);
}

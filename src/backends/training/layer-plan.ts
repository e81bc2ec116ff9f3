import { sizeOf } from "../../ndarray.js";
import { cut } from "../../network/cut.js";
import type { Layer } from "../../network/layer.js";
import type { RowShape } from "../../network/layer-shape.js";
import type { Network } from "../../network/network.js";
import { inferShapes } from "../../network/shapes.js";
import { isFusable } from "../layers/activation.js";

const bytesPerValue = 4;

/** The layers that some outputs need, in order, and when each value is no longer needed. */
export interface LayerPlan {
  /** The network cut down to what the outputs need. */
  readonly network: Network;
  readonly outputs: readonly string[];
  /** For each layer, by position: names of the layers whose values nobody takes after it. */
  readonly lastUses: readonly (readonly string[])[];
}

/**
 * Plans how to compute some layers of a network, and nothing that they do not need.
 *
 * @throws InvalidArgumentError if there is no layer of such a name
 */
export function planLayers(network: Network, outputs: readonly string[]): LayerPlan {
  const needed = cut(network, outputs);
  return { network: needed, outputs, lastUses: findLastUses(needed.layers, outputs) };
}

/** For each of some layers, by position: names of those whose values nobody among them takes after it, but the outputs. */
export function findLastUses(layers: readonly Layer[], outputs: readonly string[]): readonly (readonly string[])[] {
  const lastUser = new Map<string, number>();
  for (const [position, layer] of layers.entries()) {
    lastUser.set(layer.name, position);
    for (const input of layer.inputs) lastUser.set(input, position);
  }
  for (const output of outputs) lastUser.delete(output);
  const lastUses: string[][] = layers.map(() => []);
  for (const [name, position] of lastUser) lastUses[position]?.push(name);
  return lastUses;
}

/** Bytes of each layer's value for a batch, from the shapes of the inputs' rows. */
export function valueBytes(
  plan: LayerPlan,
  rowShapes: ReadonlyMap<string, RowShape>,
  batchSize: number,
): ReadonlyMap<string, number> {
  const shapes = inferShapes(
    plan.network,
    plan.network.inputs.map((input) => rowShapes.get(input) as RowShape),
  );
  return new Map(
    [...shapes].map(([name, shape]) => [name, bytesPerValue * batchSize * sizeOf(shape.map((axis) => axis ?? 1))]),
  );
}

/** Greatest number of bytes that are held at one time while the plan runs and drops each value after its last use. */
export function peakBytes(plan: LayerPlan, bytes: ReadonlyMap<string, number>): number {
  let held = 0;
  let peak = 0;
  for (const [position, layer] of plan.network.layers.entries()) {
    held += bytes.get(layer.name) ?? 0;
    peak = Math.max(peak, held + workspaceBytes(layer, bytes));
    for (const name of plan.lastUses[position] ?? []) held -= bytes.get(name) ?? 0;
  }
  return peak;
}

/**
 * Bytes that a layer composed of several operations holds beside its input and output: as many times its output as the
 * longest of its formulas has steps. Rather too much than too little, as too little is found out in the middle of a run.
 */
export function workspaceBytes(layer: Layer, bytes: ReadonlyMap<string, number>): number {
  const own = bytes.get(layer.name) ?? 0;
  const activation = "activation" in layer.config && !isFusable(layer.config.activation) ? 8 * own : 0;
  switch (layer.className) {
    case "SeparableConv1D":
    case "SeparableConv2D": {
      const input = bytes.get(layer.inputs[0] ?? "") ?? 0;
      return input * layer.config.depthMultiplier + own + activation;
    }
    case "Conv1D":
    case "Conv2D":
      return (layer.config.groups > 1 ? 2 * own : own) + activation;
    case "Conv1DTranspose":
    case "Conv2DTranspose":
      return 3 * own + activation;
    case "LayerNormalization":
    case "GroupNormalization":
    case "ReLU":
    case "PReLU":
    case "ELU":
      return 6 * own;
    case "PreprocessInput":
    case "UnitNormalization":
    case "Normalization":
    case "Rescaling":
    case "Softmax":
    case "Average":
    case "CustomScaleLayer":
      return 3 * own;
    case "DepthwiseConv1D":
    case "DepthwiseConv2D":
    case "Dense":
    case "Activation":
      return own + activation;
    case "Add":
    case "Subtract":
    case "Multiply":
    case "Maximum":
    case "Minimum":
      return own;
    default:
      return 0;
  }
}

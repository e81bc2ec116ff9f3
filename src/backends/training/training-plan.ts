import { InvalidArgumentError, UnsupportedError } from "../../errors.js";
import type { Layer } from "../../network/layer.js";
import { describeUnknownLayer } from "../../network/layer-name.js";
import type { Network, Weight } from "../../network/network.js";
import { validateNetwork } from "../../network/validate.js";
import { checkLayers } from "../check-layers.js";
import type { LayerTraining, TrainingOptions } from "../trainable-backend.js";
import { findLastUses, type LayerPlan, planLayers } from "./layer-plan.js";
import { lossActivation } from "./loss-activation.js";
import { refusesToTrain, trainableWeights } from "./trainable-layers.js";

/** A network that can be trained, taken apart as training needs it. */
export interface TrainingPlan {
  /** Everything up to the output. */
  readonly plan: LayerPlan;
  /** The network's only input. */
  readonly input: Layer<"InputLayer">;
  readonly output: Layer;
  /** The output layer without its softmax or sigmoid, where the loss is computed from what goes into that. */
  readonly logits: Layer;
  /** The layers that no trained weight has a part in. Its outputs are the values that the others take. */
  readonly frozen: LayerPlan;
  /** The others in order: gradients flow through them. */
  readonly differentiated: readonly Layer[];
  readonly trained: readonly TrainedWeight[];
  /** Position of each layer in the network. */
  readonly positions: ReadonlyMap<string, number>;
  /** Whether the weights of a layer change. */
  isTrained(layer: Layer): boolean;
}

/** What a plan needs to know of the runtime that is to train. */
export interface TrainingRuntime {
  /** The backend's name. */
  readonly name: string;
  /** Whether its gradients of resizing are right. */
  readonly differentiatesResizing: boolean;
}

/** A weight that the optimizer changes. */
export interface TrainedWeight {
  readonly layer: string;
  /** Position among the layer's weights. */
  readonly position: number;
  readonly name: string;
  readonly bytes: number;
  readonly learningRateFactor: number;
  /** Strengths of its penalties; 0 for what is no kernel. */
  readonly l1: number;
  readonly l2: number;
}

/**
 * Plans how to train a network, and refuses what the backend cannot train before anything is allocated.
 *
 * @throws InvalidNetworkError if graph or weights are not valid
 * @throws InvalidArgumentError if `layers` names a layer that is not there, or a penalty of one that has no kernel
 * @throws UnsupportedError if it has several inputs or outputs, does not end as the loss needs, has no weights to train,
 * or has a layer that this backend cannot train
 */
export function planTraining(runtime: TrainingRuntime, network: Network, options: TrainingOptions): TrainingPlan {
  checkLayers(network, runtime.name);
  validateNetwork(network);
  const refuse = (fault: string): never => {
    throw new UnsupportedError(`Cannot train network "${network.name}" on ${runtime.name}: ${fault}`);
  };
  const [inputName, ...moreInputs] = network.inputs;
  const [outputName, ...moreOutputs] = network.outputs;
  if (inputName === undefined || moreInputs.length > 0) {
    return refuse(`it has ${network.inputs.length} inputs, expected 1.`);
  }
  if (outputName === undefined || moreOutputs.length > 0) {
    return refuse(`it has ${network.outputs.length} outputs, expected 1.`);
  }
  const plan = planLayers(network, [outputName]);
  const { layers } = plan.network;
  const output = layers.at(-1) as Layer;
  const logits = withoutEnd(output, options, refuse);
  const needed = new Set(layers.map(({ name }) => name));
  const idle = network.layers.find(({ name }) => !needed.has(name));
  if (idle !== undefined) {
    return refuse(`its output does not need the layer "${idle.name}". Cut the network to its output first.`);
  }

  checkNamedLayers(network, options);
  const settings = (layer: Layer): LayerTraining => options.layers?.get(layer.weightsOf ?? layer.name) ?? {};
  const isTrained = (layer: Layer) => settings(layer).trainable ?? true;
  const trained = layers.filter(isTrained).flatMap((layer) => trainedWeights(network, layer, settings(layer), options));
  if (trained.length === 0) return refuse("it has no weights that are to be trained.");

  const owners = new Set(trained.map(({ layer }) => layer));
  const moving = new Set<string>();
  for (const layer of layers) {
    if (owners.has(layer.weightsOf ?? layer.name) || layer.inputs.some((name) => moving.has(name))) {
      moving.add(layer.name);
    }
  }
  const differentiated = layers.filter(({ name }) => moving.has(name));
  for (const layer of layers) {
    const reason = refusesToTrain(layer, runtime, moving.has(layer.name));
    if (reason !== undefined) refuse(`layer "${layer.name}" (${layer.className}) ${reason}`);
  }
  return {
    plan,
    input: layers.find(({ name }) => name === inputName) as Layer<"InputLayer">,
    output,
    logits,
    frozen: planFrozen(plan, moving),
    differentiated,
    trained,
    // From the end: the last part of a network, trained by itself, then drops what the whole would.
    positions: new Map(layers.map(({ name }, position) => [name, layers.length - 1 - position])),
    isTrained,
  };
}

function planFrozen({ network }: LayerPlan, moving: ReadonlySet<string>): LayerPlan {
  const layers = network.layers.filter(({ name }) => !moving.has(name));
  const taken = new Set(network.layers.filter(({ name }) => moving.has(name)).flatMap(({ inputs }) => inputs));
  const outputs = layers.map(({ name }) => name).filter((name) => taken.has(name));
  return { network: { ...network, layers, outputs }, outputs, lastUses: findLastUses(layers, outputs) };
}

function withoutEnd(output: Layer, { loss }: TrainingOptions, refuse: (fault: string) => never): Layer {
  const wanted = lossActivation(loss);
  if (wanted === undefined) return output;
  if (output.className === "Dense" || output.className === "Activation") {
    if (output.config.activation === wanted) {
      return { ...output, config: { ...output.config, activation: "linear" } } as Layer;
    }
  }
  if (output.className === "Softmax" && wanted === "softmax" && output.config.axis === -1) {
    return { ...output, className: "Activation", config: { activation: "linear" } };
  }
  return refuse(
    `its output "${output.name}" is a ${output.className} without ${wanted}: expected a Dense or Activation layer with activation "${wanted}", which the loss "${loss}" needs.`,
  );
}

function checkNamedLayers(network: Network, { layers = new Map() }: TrainingOptions): void {
  for (const [name, { l1 = 0, l2 = 0 }] of layers) {
    const layer = network.layers.find((candidate) => candidate.name === name);
    const refused = (fault: string) => new InvalidArgumentError(`\`layers\` names ${JSON.stringify(name)}: ${fault}`);
    if (layer === undefined) throw refused(describeUnknownLayer(network, name));
    if (layer.weightsOf !== undefined) {
      throw refused(`it uses the weights of "${layer.weightsOf}". Name that layer, to which they belong.`);
    }
    if (
      (l1 > 0 || l2 > 0) &&
      !trainableWeights(layer, network.weights.get(name) ?? []).some(({ isKernel }) => isKernel)
    ) {
      throw refused(`a ${layer.className} has no kernel that \`l1\` or \`l2\` could count.`);
    }
  }
}

function trainedWeights(
  network: Network,
  layer: Layer,
  { learningRateFactor = 1, l1, l2 }: LayerTraining,
  options: TrainingOptions,
): readonly TrainedWeight[] {
  if (layer.weightsOf !== undefined) return [];
  const weights = network.weights.get(layer.name) ?? [];
  return trainableWeights(layer, weights).map(({ position, isKernel }) => {
    const { name, array } = weights[position] as Weight;
    return {
      layer: layer.name,
      position,
      name,
      bytes: array.data.byteLength,
      learningRateFactor,
      l1: isKernel ? (l1 ?? options.l1 ?? 0) : 0,
      l2: isKernel ? (l2 ?? options.l2) : 0,
    };
  });
}

import { UnsupportedError } from "../../errors.js";
import type { Layer, LayerClassName } from "../../network/layer.js";
import { isAugmentation } from "../../network/layers/augmentation.js";
import type { Network } from "../../network/network.js";
import { validateNetwork } from "../../network/validate.js";
import { checkLayers } from "../check-layers.js";
import { type LayerPlan, planLayers } from "./layer-plan.js";
import type { TfjsRuntime } from "./runtime.js";

/** A network that can be trained, taken apart as training needs it. */
export interface TrainingPlan {
  /** Everything up to the output. */
  readonly plan: LayerPlan;
  /** The network's only input. */
  readonly input: Layer<"InputLayer">;
  /** The layer whose softmax is the output. */
  readonly output: Layer<"Dense"> | Layer<"Activation">;
  /** The output layer without its softmax: its values are the logits. */
  readonly logits: Layer;
  readonly trainable: readonly TrainableWeight[];
}

/** A weight that the optimizer changes. */
export interface TrainableWeight {
  readonly layer: string;
  /** Position among the layer's weights. */
  readonly position: number;
  /** Whether the L2 penalty counts it: kernels only. */
  readonly penalized: boolean;
}

/**
 * Plans how to train a network, and refuses what the backend cannot train before anything is allocated.
 *
 * @throws InvalidNetworkError if graph or weights are not valid
 * @throws UnsupportedError if it has several inputs or outputs, does not end in softmax, has no weights to train, or has
 * a layer that this backend cannot train
 */
export function planTraining(runtime: TfjsRuntime, network: Network): TrainingPlan {
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
  for (const layer of layers) {
    const reason = refusesToTrain(layer) ?? runtime.refusesToTrain?.(layer);
    if (reason !== undefined) refuse(`layer "${layer.name}" (${layer.className}) ${reason}`);
  }
  const output = layers.find(({ name }) => name === outputName);
  if (
    output === undefined ||
    !(output.className === "Dense" || output.className === "Activation") ||
    output.config.activation !== "softmax"
  ) {
    return refuse(
      `its output "${outputName}" is a ${output?.className ?? "missing layer"} without softmax: expected a Dense or Activation layer with activation "softmax", which the loss "categorical_crossentropy" needs.`,
    );
  }
  const needed = new Set(layers.map(({ name }) => name));
  if (network.layers.some(({ name }) => !needed.has(name))) {
    return refuse(
      `its output does not need the layer "${network.layers.find(({ name }) => !needed.has(name))?.name}". Cut the network to its output first.`,
    );
  }
  const trainable = layers.flatMap(trainableWeights);
  if (trainable.length === 0) return refuse("it has no weights that can be trained.");
  return {
    plan,
    input: layers.find(({ name }) => name === inputName) as Layer<"InputLayer">,
    output,
    logits: { ...output, config: { ...output.config, activation: "linear" } } as Layer,
    trainable,
  };
}

/**
 * Why a layer cannot be trained on any backend: it acts at random while training in a way that is not built here, or has
 * weights of which the optimizer would not know. Undefined if it can.
 */
function refusesToTrain(layer: Layer): string | undefined {
  if (isAugmentation(layer.className) || actsWhileTraining.includes(layer.className)) {
    return "acts at random while training, which is not built here. Leave it out, or put a Dropout layer in its place.";
  }
  if (hasOwnWeights.includes(layer.className)) {
    return "has weights that cannot be trained here. Train a head on the features before it.";
  }
  return undefined;
}

const actsWhileTraining: readonly LayerClassName[] = [
  "SpatialDropout1D",
  "SpatialDropout2D",
  "GaussianDropout",
  "AlphaDropout",
  "GaussianNoise",
  "ActivityRegularization",
  "StochasticDepth",
];

const hasOwnWeights: readonly LayerClassName[] = [
  "Conv1D",
  "DepthwiseConv1D",
  "SeparableConv1D",
  "SeparableConv2D",
  "Conv1DTranspose",
  "Conv2DTranspose",
  "LayerNormalization",
  "GroupNormalization",
  "LayerScale",
  "PReLU",
];

function trainableWeights(layer: Layer): readonly TrainableWeight[] {
  if (layer.weightsOf !== undefined) return [];
  switch (layer.className) {
    case "Dense":
    case "Conv2D":
    case "DepthwiseConv2D": {
      const kernel = { layer: layer.name, position: 0, penalized: true };
      return layer.config.useBias ? [kernel, { layer: layer.name, position: 1, penalized: false }] : [kernel];
    }
    case "BatchNormalization": {
      const { scale, center } = layer.config;
      const count = Number(scale) + Number(center);
      return Array.from({ length: count }, (_, position) => ({ layer: layer.name, position, penalized: false }));
    }
    default:
      return [];
  }
}

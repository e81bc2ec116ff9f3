import type { LayerTraining, TrainingOptions } from "../backends/trainable-backend.js";
import { InvalidArgumentError } from "../errors.js";
import { describeUnknownLayer } from "../network/layer-name.js";
import type { Network } from "../network/network.js";
import type { ModelParts } from "./model-parts.js";
import { frozenLayers, layersFrom } from "./trained-layers.js";
import type { RateOptions } from "./transfer-model-options.js";

/**
 * How a network is to be trained: which layers stand still, and how fast the others go.
 *
 * @throws InvalidArgumentError for a rate out of range, or for layers that are not trained
 */
export function planModelTraining(parts: ModelParts, network: Network, rates: RateOptions): TrainingOptions {
  const { optimizer } = parts.training;
  const { learningRate = optimizer.learningRate, backboneLearningRate, learningRateFactors = {} } = rates;
  checkRate("learningRate", learningRate);
  if (backboneLearningRate !== undefined) checkRate("backboneLearningRate", backboneLearningRate);
  const layers = new Map<string, LayerTraining>();
  const trained = new Set(parts.trained);
  for (const name of frozenLayers(network, trained)) layers.set(name, { trainable: false });
  if (backboneLearningRate !== undefined) {
    const backbone = trainedBackbone(parts);
    if (backbone.length === 0) {
      throw new InvalidArgumentError(
        "`backboneLearningRate` was given, but no layer of the backbone is trained: call `unfreeze` first.",
      );
    }
    for (const name of backbone) layers.set(name, { learningRateFactor: backboneLearningRate / learningRate });
  }
  for (const [name, learningRateFactor] of Object.entries(learningRateFactors)) {
    checkRate(`learningRateFactors.${name}`, learningRateFactor);
    if (!trained.has(name)) {
      throw new InvalidArgumentError(
        parts.network.weights.has(name)
          ? `\`learningRateFactors\` has "${name}", which is frozen: call \`unfreeze\` first.`
          : `\`learningRateFactors\` has "${name}": ${describeUnknownLayer(parts.network, name)} Expected a layer with weights.`,
      );
    }
    layers.set(name, { learningRateFactor });
  }
  return { ...parts.training, optimizer: { ...optimizer, learningRate }, layers };
}

/** The part of a plan that is about the layers of a part of the network. */
export function planOfPart(plan: TrainingOptions, part: Network): TrainingOptions {
  const names = new Set(part.layers.map(({ name }) => name));
  return { ...plan, layers: new Map([...(plan.layers ?? [])].filter(([name]) => names.has(name))) };
}

function trainedBackbone({ network, headFrom, trained }: ModelParts): readonly string[] {
  if (headFrom === undefined) {
    throw new InvalidArgumentError(
      "`backboneLearningRate` was given, but the model's file does not say where its head begins: pass `headFrom` to `load`.",
    );
  }
  const head = new Set(layersFrom(network, headFrom, "headFrom"));
  return trained.filter((name) => !head.has(name));
}

function checkRate(option: string, value: number): void {
  if (value > 0 && Number.isFinite(value)) return;
  throw new InvalidArgumentError(`\`${option}\` is ${value}: expected a number above 0, such as 0.001.`);
}

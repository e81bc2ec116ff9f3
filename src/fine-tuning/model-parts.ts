import type { OptimizerConfig } from "../backends/trainable-backend.js";
import { InvalidArgumentError, UnsupportedError } from "../errors.js";
import { resolvePretrained, sizeOfPictures } from "../extraction/extraction-model.js";
import { type PictureOptions, resolvePictureOptions } from "../extraction/picture-options.js";
import type { KerasSource } from "../keras/keras-source.js";
import { loadKeras } from "../keras/load-keras.js";
import { formatShape } from "../network/layer-shape.js";
import type { Network } from "../network/network.js";
import { inferShapes } from "../network/shapes.js";
import { takePictures } from "../network/take-pixels.js";
import { checkLabels, headNetwork } from "../training/head-network.js";
import type { HeadMetadata } from "../training/head-options.js";
import { checkMetadata } from "../training/head-parts.js";
import { checkSeed } from "../training/split.js";
import { assembleNetwork, baseNetwork } from "./assemble-network.js";
import { type ModelFacts, readFacts, splitMetadata } from "./model-facts.js";
import { layersFrom } from "./trained-layers.js";
import type { FineTuningOptions, LoadModelOptions, TransferModelOptions } from "./transfer-model-options.js";

/** What a model is made of, before a backend has it. */
export interface ModelParts extends ModelFacts {
  /** The whole network, for prepared float32 pixels, as Keras has it. */
  readonly network: Network;
  readonly classLabels: readonly string[];
  /** How pictures are decoded and brought to the network's size. */
  readonly pictures: PictureOptions;
  readonly metadata: HeadMetadata;
  readonly optimizer: OptimizerConfig;
  readonly l2: number;
  readonly seed: number;
  /** Names of the layers that are trained. */
  readonly trained: readonly string[];
  /** Why it can predict but not `fit`; undefined if it can. */
  readonly untrainable: string | undefined;
}

/** The parts of a new model. @throws as `TransferModel.create` does */
export async function newModel(options: TransferModelOptions): Promise<ModelParts> {
  const { head, classLabels, unfreezeFrom, pooling } = options;
  const shared = sharedParts(options);
  const settled = resolvePictureOptions(options);
  const made = ["classLabels", "hidden", "dropout", "normalize"] as const;
  const both = head && made.find((option) => options[option] !== undefined);
  if (both !== undefined) {
    throw new InvalidArgumentError(`\`${both}\` was given beside \`head\`, which has that already: pass one of them.`);
  }
  const labels = head?.classLabels ?? classLabels;
  if (labels === undefined) {
    throw new InvalidArgumentError("Neither `classLabels` nor `head` was given: pass the names of the classes.");
  }
  checkLabels(labels);
  const metadata = checkMetadata(options.metadata ?? {});
  splitMetadata(metadata, "refuse");
  const ready = await head?.network();
  const headFor = (inputShape: readonly number[]) =>
    ready ?? headNetwork({ ...options, inputShape, classLabels: labels, seed: shared.seed });
  const assemble = (network: Network, layers: readonly string[], imageSize: readonly [number, number]) => {
    const layer = options.layer ?? onlyOutput(network, layers);
    const base = baseNetwork(network, { layer, pooling, imageSize });
    return { ...assembleNetwork(base, headFor(base.featureShape), `${network.name}_transfer`), base };
  };
  const { network, layers, preprocess, imageSize } = await resolvePretrained(
    { ...options, seed: shared.seed },
    (topology, settings) => assemble(topology, settings.layers, settings.imageSize),
  );
  const assembly = assemble(network, layers, imageSize);
  checkClassifier(assembly.network, labels);
  return {
    ...shared,
    network: assembly.network,
    headFrom: assembly.headFrom,
    classLabels: [...labels],
    preprocess,
    pictures: { ...settled, size: imageSize },
    metadata,
    trained: trainedFrom(assembly.network, unfreezeFrom, assembly.headFrom),
    untrainable: undefined,
  };
}

/** The parts of a model in a Keras file. @throws as `TransferModel.load` does */
export async function readModel(source: KerasSource, options: LoadModelOptions): Promise<ModelParts> {
  const shared = sharedParts(options);
  const model = await loadKeras(source, { engine: options.engine, signal: options.signal });
  const { compile, l2, name, layers, inputs, outputs, weights } = model;
  const found: Network = { name, layers, inputs, outputs, weights };
  const { facts, metadata } = splitMetadata(model.metadata ?? {}, "take");
  const { preprocess, headFrom, ...pictures } = readFacts(facts, options);
  const imageSize = sizeOfPictures(found, options.imageSize);
  const network = takePictures(found, imageSize);
  const classLabels = options.classLabels ?? model.classLabels;
  if (classLabels === undefined) {
    throw new InvalidArgumentError(
      "The model's file holds no class labels, as Keras saves none: pass `classLabels`, their names in the order of the outputs.",
    );
  }
  checkLabels(classLabels);
  checkClassifier(network, classLabels);
  const still = new Set(model.frozen);
  return {
    ...shared,
    optimizer: options.optimizer ?? compile?.optimizer ?? shared.optimizer,
    l2: options.l2 ?? l2 ?? 0,
    network,
    headFrom: headFrom === undefined ? undefined : layersFrom(network, headFrom, "headFrom")[0],
    classLabels: [...classLabels],
    preprocess,
    pictures: { ...resolvePictureOptions(pictures), size: imageSize },
    metadata,
    trained: [...network.weights.keys()].filter((layer) => !still.has(layer)),
    untrainable:
      l2 === undefined && options.l2 === undefined
        ? "Cannot train this model as Keras would: its layers have penalties other than one L2 for all kernels. Pass `l2` to train it with that penalty instead."
        : undefined,
  };
}

/** Names of the layers with weights from one on, or from the head on if that comes first. */
export function trainedFrom(network: Network, from: string | number | undefined, headFrom: string): readonly string[] {
  const names = new Set(layersFrom(network, headFrom, "headFrom"));
  for (const name of from === undefined ? [] : layersFrom(network, from, "unfreezeFrom")) names.add(name);
  return [...network.weights.keys()].filter((name) => names.has(name));
}

function sharedParts({ optimizer, seed = 0, l2 = 0 }: FineTuningOptions) {
  if (!(l2 >= 0 && Number.isFinite(l2))) {
    throw new InvalidArgumentError(`\`l2\` is ${l2}: expected 0 or a number above it, such as 0.0001.`);
  }
  // Keras's defaults for Adam.
  const adam = { name: "adam", learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 } as const;
  return { optimizer: optimizer ?? adam, l2, seed: checkSeed(seed) };
}

function onlyOutput({ name }: Network, layers: readonly string[]): string {
  const [layer, ...more] = layers;
  if (layer !== undefined && more.length === 0) return layer;
  throw new InvalidArgumentError(
    `Network "${name}" has ${layers.length} outputs: say with \`layer\` which layer the head is put behind.`,
  );
}

function checkClassifier(network: Network, classLabels: readonly string[]): void {
  const [output, ...more] = network.outputs;
  const last = network.layers.find((layer) => layer.name === output);
  const activation =
    last?.className === "Dense" || last?.className === "Activation" ? last.config.activation : undefined;
  const isSoftmax = activation === "softmax" || last?.className === "Softmax";
  const shape = inferShapes(network).get(output ?? "") ?? [];
  if (more.length > 0 || !isSoftmax || shape.length !== 1) {
    throw new UnsupportedError(
      `Network "${network.name}" does not tell classes apart: it ends in ${network.outputs.length} outputs, the first in layer "${output}" (${last?.className}) of shape ${formatShape(shape)}. Expected one output with a softmax over the classes.`,
    );
  }
  if (shape[0] === classLabels.length) return;
  throw new InvalidArgumentError(
    `Network "${network.name}" tells ${shape[0]} classes apart, but there are ${classLabels.length} class labels: expected one for each.`,
  );
}

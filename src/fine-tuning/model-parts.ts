import type { TrainingOptions } from "../backends/trainable-backend.js";
import { InvalidArgumentError } from "../errors.js";
import { resolvePretrained, sizeOfPictures } from "../extraction/extraction-model.js";
import { type PictureOptions, resolvePictureOptions } from "../extraction/picture-options.js";
import type { KerasSource } from "../keras/keras-source.js";
import { loadKeras } from "../keras/load-keras.js";
import type { Network } from "../network/network.js";
import { takePictures } from "../network/take-pixels.js";
import { checkOneOf } from "../options/check-option.js";
import { checkClassLabels, headNetwork } from "../training/head-network.js";
import type { HeadMetadata } from "../training/head-options.js";
import { checkMetadata, trainingOptions } from "../training/head-parts.js";
import { learningOfFile } from "../training/learning-of-file.js";
import { type Task, tasks } from "../training/target.js";
import { checkEnding, checkLabelCount } from "../training/task-ending.js";
import { assembleNetwork, baseNetwork } from "./assemble-network.js";
import { type ModelFacts, readFacts, splitMetadata } from "./model-facts.js";
import { layersFrom } from "./trained-layers.js";
import type { LoadModelOptions, TransferModelOptions } from "./transfer-model-options.js";

/** What a model is made of, before a backend has it. */
export interface ModelParts extends ModelFacts {
  /** The whole network, for prepared float32 pixels, as Keras has it. */
  readonly network: Network;
  /** What it learns. */
  readonly task: Task;
  readonly classLabels: readonly string[];
  /** How pictures are decoded and brought to the network's size. */
  readonly pictures: PictureOptions;
  readonly metadata: HeadMetadata;
  /** How it learns, apart from single layers. */
  readonly training: TrainingOptions;
  /** Names of the layers that are trained. */
  readonly trained: readonly string[];
  /** Why it can predict but not `fit`; undefined if it can. */
  readonly untrainable: string | undefined;
}

/** The parts of a new model. @throws as `TransferModel.create` does */
export async function newModel(options: TransferModelOptions<Task>): Promise<ModelParts> {
  const { head, classLabels, unfreezeFrom, pooling } = options;
  const task = head === undefined ? (options.task ?? "classification") : (head.task ?? "classification");
  checkOneOf("task", task, tasks);
  const training = trainingOptions(options, task, options.seed);
  const settled = resolvePictureOptions(options);
  const made = ["task", "classLabels", "hidden", "activation", "batchNormalization", "dropout", "normalize"] as const;
  const both = head && made.find((option) => options[option] !== undefined);
  if (both !== undefined) {
    throw new InvalidArgumentError(`\`${both}\` was given beside \`head\`, which has that already: pass one of them.`);
  }
  const labels = head?.classLabels ?? classLabels;
  if (labels === undefined) {
    throw new InvalidArgumentError("Neither `classLabels` nor `head` was given: pass the names of the classes.");
  }
  checkClassLabels(labels, task);
  const metadata = checkMetadata(options.metadata ?? {});
  splitMetadata(metadata, "refuse");
  const ready = await head?.network();
  const headFor = (inputShape: readonly number[]) =>
    ready ?? headNetwork({ ...options, inputShape, classLabels: labels, seed: training.seed });
  const assemble = (network: Network, layers: readonly string[], imageSize: readonly [number, number]) => {
    const layer = options.layer ?? onlyOutput(network, layers);
    const base = baseNetwork(network, { layer, pooling, imageSize });
    return { ...assembleNetwork(base, headFor(base.featureShape), `${network.name}_transfer`), base };
  };
  const { network, layers, preprocess, imageSize } = await resolvePretrained(
    // For a network of one's own the seed is that of the head alone.
    { ...options, seed: options.weights === "random" ? training.seed : undefined },
    (topology, settings) => assemble(topology, settings.layers, settings.imageSize),
  );
  const assembly = assemble(network, layers, imageSize);
  const name = `network "${assembly.network.name}"`;
  checkLabelCount(labels, checkEnding(assembly.network, name, task), name, task);
  return {
    training,
    network: assembly.network,
    task,
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
export async function readModel(source: KerasSource, options: LoadModelOptions<Task>): Promise<ModelParts> {
  const { task = "classification" } = options;
  checkOneOf("task", task, tasks);
  const model = await loadKeras(source, { engine: options.engine, signal: options.signal });
  const { name, layers, inputs, outputs, weights } = model;
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
  const described = `network "${network.name}"`;
  checkLabelCount(classLabels, checkEnding(network, described, task), described, task);
  const still = new Set(model.frozen);
  const { learning, knowsPenalties } = learningOfFile(model, options, task);
  return {
    training: trainingOptions(learning, task, options.seed),
    network,
    task,
    headFrom: headFrom === undefined ? undefined : layersFrom(network, headFrom, "headFrom")[0],
    classLabels: [...classLabels],
    preprocess,
    pictures: { ...resolvePictureOptions(pictures), size: imageSize },
    metadata,
    trained: [...network.weights.keys()].filter((layer) => !still.has(layer)),
    untrainable: knowsPenalties
      ? undefined
      : "Cannot train this model as Keras would: its layers have penalties other than one for all kernels. Pass `l2` or `l1` to train it with that penalty instead.",
  };
}

/** Names of the layers with weights from one on, or from the head on if that comes first. */
export function trainedFrom(network: Network, from: string | number | undefined, headFrom: string): readonly string[] {
  const names = new Set(layersFrom(network, headFrom, "headFrom"));
  for (const name of from === undefined ? [] : layersFrom(network, from, "unfreezeFrom")) names.add(name);
  return [...network.weights.keys()].filter((name) => names.has(name));
}

function onlyOutput({ name }: Network, layers: readonly string[]): string {
  const [layer, ...more] = layers;
  if (layer !== undefined && more.length === 0) return layer;
  throw new InvalidArgumentError(
    `Network "${name}" has ${layers.length} outputs: say with \`layer\` which layer the head is put behind.`,
  );
}

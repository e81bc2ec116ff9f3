import type { TrainingOptions } from "../backends/trainable-backend.js";
import { InvalidArgumentError, UnsupportedError } from "../errors.js";
import type { HDF5File } from "../hdf5/engine.js";
import { type KerasModel, readKerasModel } from "../keras/read-model.js";
import type { Shape } from "../ndarray.js";
import { formatShape } from "../network/layer-shape.js";
import type { Network } from "../network/network.js";
import { inferShapes } from "../network/shapes.js";
import { checkLabels, headNetwork } from "./head-network.js";
import type { HeadMetadata, LearningOptions, LoadHeadOptions, TransferHeadOptions } from "./head-options.js";

/** What a head is made of, before a backend has it. */
export interface HeadParts {
  readonly network: Network;
  readonly inputShape: Shape;
  readonly classLabels: readonly string[];
  readonly metadata: HeadMetadata;
  readonly training: TrainingOptions;
  /** Why it can predict but not `fit`; undefined if it can. */
  readonly untrainable: string | undefined;
}

/** The parts of a new head. @throws InvalidArgumentError for a setting out of range */
export function newHead(options: TransferHeadOptions): HeadParts {
  const training = trainingOptions(options, options.seed);
  return {
    network: headNetwork(options),
    inputShape: [...options.inputShape],
    classLabels: [...options.classLabels],
    metadata: checkMetadata(options.metadata ?? {}),
    training,
    untrainable: undefined,
  };
}

/**
 * The parts of a head in a Keras file.
 *
 * @param name how messages call the file
 * @throws InvalidModelError if it is not a full Keras model
 * @throws UnsupportedError if it has a layer that cannot be run, or is not a head: one input of known shape, a softmax
 * over at least two classes
 * @throws InvalidArgumentError if the class labels are missing or of another number
 */
export async function readHead(file: HDF5File, name: string, options: LoadHeadOptions): Promise<HeadParts> {
  const model = await readKerasModel(file, name);
  const { inputShape, classes } = checkHead(model.network, name);
  const classLabels = options.classLabels ?? model.classLabels;
  if (classLabels === undefined) {
    throw new InvalidArgumentError(
      `"${name}" holds no class labels, as Keras saves none: pass \`classLabels\`, the names of its ${classes} classes in the order of its outputs.`,
    );
  }
  checkLabels(classLabels);
  if (classLabels.length !== classes) {
    throw new InvalidArgumentError(
      `The head in "${name}" tells ${classes} classes apart, but there are ${classLabels.length} class labels: expected one for each.`,
    );
  }
  const l2 = options.l2 ?? model.l2;
  const optimizer = model.compile?.optimizer;
  const learningRate = options.learningRate ?? (optimizer?.name === "adam" ? optimizer.learningRate : undefined);
  return {
    network: model.network,
    inputShape,
    classLabels: [...classLabels],
    metadata: model.metadata ?? {},
    training: trainingOptions({ learningRate, l2 }, options.seed),
    untrainable: whyUntrainable(model, l2, name),
  };
}

function checkHead(network: Network, name: string): { readonly inputShape: Shape; readonly classes: number } {
  const refuse = (fault: string): never => {
    throw new UnsupportedError(
      `The model in "${name}" is not a head that can be loaded here: ${fault}. Expected one input of known shape, and one output that ends in a softmax over at least two classes.`,
    );
  };
  const [output] = network.outputs;
  if (network.inputs.length !== 1 || network.outputs.length !== 1) {
    return refuse(`it has ${network.inputs.length} inputs and ${network.outputs.length} outputs`);
  }
  const input = network.layers.find((layer) => layer.className === "InputLayer")?.config.shape ?? [];
  if (input.length === 0 || input.includes(null)) return refuse(`its input has the shape ${formatShape(input)}`);
  const last = network.layers.find((layer) => layer.name === output);
  const activation = last?.className === "Dense" || last?.className === "Activation" ? last.config.activation : "none";
  if (activation !== "softmax") return refuse(`its last layer "${output}" has the activation ${activation}`);
  const [classes, ...more] = inferShapes(network).get(output ?? "") ?? [];
  if (typeof classes !== "number" || classes < 2 || more.length > 0) {
    return refuse(`its output has the shape ${formatShape([classes ?? null, ...more])}`);
  }
  return { inputShape: input as Shape, classes };
}

function whyUntrainable(model: KerasModel, l2: number | undefined, name: string): string | undefined {
  if (model.frozen.length > 0) {
    return `Cannot train the head from "${name}": its layers ${model.frozen.map((layer) => `"${layer}"`).join(", ")} are frozen (\`trainable\` is false), but a head trains as a whole. Set them to trainable in Python and save it again.`;
  }
  if (l2 === undefined) {
    return `Cannot train the head from "${name}" as Keras would: its layers have penalties other than one L2 for all kernels. Pass \`l2\` to train it with that penalty instead.`;
  }
  return undefined;
}

function trainingOptions(options: LearningOptions, seed = 0): TrainingOptions {
  const { learningRate = 1e-3, l2 = 0 } = options;
  if (!(learningRate > 0 && Number.isFinite(learningRate))) {
    throw new InvalidArgumentError(`\`learningRate\` is ${learningRate}: expected a number above 0, such as 0.001.`);
  }
  if (!(l2 >= 0 && Number.isFinite(l2))) {
    throw new InvalidArgumentError(`\`l2\` is ${l2}: expected 0 or a number above it, such as 0.0001.`);
  }
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
    throw new InvalidArgumentError(`\`seed\` is ${seed}: expected an integer in 0..4294967295.`);
  }
  // Keras's defaults for Adam.
  const optimizer = { name: "adam", learningRate, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 } as const;
  return { loss: "categorical_crossentropy", optimizer, l2, seed };
}

/** Checks what is to be kept in a file. @throws InvalidArgumentError for what is neither text nor a finite number */
export function checkMetadata(metadata: HeadMetadata): HeadMetadata {
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value === "string" || Number.isFinite(value)) continue;
    throw new InvalidArgumentError(
      `\`metadata\` has ${String(value)} for "${key}": expected text or a finite number, which a file can hold.`,
    );
  }
  return { ...metadata };
}

import type { TrainingOptions } from "../backends/trainable-backend.js";
import { InvalidArgumentError } from "../errors.js";
import type { HDF5File } from "../hdf5/engine.js";
import { type KerasModel, readKerasModel } from "../keras/read-model.js";
import type { Shape } from "../ndarray.js";
import type { Network } from "../network/network.js";
import { validateNetwork } from "../network/validate.js";
import { checkOneOf } from "../options/check-option.js";
import { headNetwork } from "./head-network.js";
import type {
  HeadMetadata,
  LearningOptions,
  LoadHeadOptions,
  NetworkHeadOptions,
  TransferHeadOptions,
} from "./head-options.js";
import { learningOfFile } from "./learning-of-file.js";
import { resolveOptimizer } from "./optimizer-options.js";
import { type Task, taskRules, tasks } from "./target.js";
import { checkEnding, checkLabelCount } from "./task-ending.js";

/** What a head is made of, before a backend has it. */
export interface HeadParts {
  readonly network: Network;
  readonly task: Task;
  readonly inputShape: Shape;
  readonly classLabels: readonly string[];
  readonly metadata: HeadMetadata;
  readonly training: TrainingOptions;
  /** Why it can predict but not `fit`; undefined if it can. */
  readonly untrainable: string | undefined;
}

/** The parts of a new head. @throws InvalidArgumentError for a setting out of range */
export function newHead(options: TransferHeadOptions<Task>): HeadParts {
  const { task = "classification" } = options;
  checkOneOf("task", task, tasks);
  return {
    network: headNetwork(options),
    task,
    inputShape: [...options.inputShape],
    classLabels: [...options.classLabels],
    metadata: checkMetadata(options.metadata ?? {}),
    training: trainingOptions(options, task, options.seed),
    untrainable: undefined,
  };
}

/**
 * The parts of a head that is a network of the caller's own.
 *
 * @throws InvalidNetworkError if its graph or weights are not valid
 * @throws UnsupportedError if it is not a head: one input of known shape, an output that fits the task
 * @throws InvalidArgumentError for a setting out of range, or class labels of another number
 */
export function headOfNetwork(network: Network, options: NetworkHeadOptions<Task>): HeadParts {
  const { task = "classification", classLabels } = options;
  checkOneOf("task", task, tasks);
  validateNetwork(network);
  const name = `network "${network.name}"`;
  checkLabelCount(classLabels, checkEnding(network, name, task), name, task);
  return {
    network,
    task,
    inputShape: inputShapeOf(network),
    classLabels: [...classLabels],
    metadata: checkMetadata(options.metadata ?? {}),
    training: trainingOptions(options, task, options.seed),
    untrainable: undefined,
  };
}

/**
 * The parts of a head in a Keras file.
 *
 * @param name how messages call the file
 * @throws InvalidModelError if it is not a full Keras model
 * @throws UnsupportedError if it has a layer that cannot be run, or is not a head: one input of known shape, an output
 * that fits the task
 * @throws InvalidArgumentError if the class labels are missing or of another number
 */
export async function readHead(file: HDF5File, name: string, options: LoadHeadOptions<Task>): Promise<HeadParts> {
  const { task = "classification" } = options;
  checkOneOf("task", task, tasks);
  const model = await readKerasModel(file, name);
  const outputs = checkEnding(model.network, `the model in "${name}"`, task);
  const classLabels = options.classLabels ?? model.classLabels;
  if (classLabels === undefined) {
    throw new InvalidArgumentError(
      `"${name}" holds no class labels, as Keras saves none: pass \`classLabels\`, the names of its ${outputs} ${task === "classification" ? "classes" : "outputs"} in the order of its outputs.`,
    );
  }
  checkLabelCount(classLabels, outputs, `the head in "${name}"`, task);
  const { learning, knowsPenalties } = learningOfFile(model, options, task);
  return {
    network: model.network,
    task,
    inputShape: inputShapeOf(model.network),
    classLabels: [...classLabels],
    metadata: model.metadata ?? {},
    training: trainingOptions(learning, task, options.seed),
    untrainable: whyUntrainable(model, knowsPenalties, name),
  };
}

/** Shape of one row that a network takes. */
function inputShapeOf({ layers }: Network): Shape {
  return (layers.find((layer) => layer.className === "InputLayer")?.config.shape ?? []) as Shape;
}

function whyUntrainable(model: KerasModel, knowsPenalties: boolean, name: string): string | undefined {
  if (model.frozen.length > 0) {
    return `Cannot train the head from "${name}": its layers ${model.frozen.map((layer) => `"${layer}"`).join(", ")} are frozen (\`trainable\` is false), but a head trains as a whole. Set them to trainable in Python and save it again.`;
  }
  if (!knowsPenalties) {
    return `Cannot train the head from "${name}" as Keras would: its layers have penalties other than one for all kernels. Pass \`l2\` or \`l1\` to train it with that penalty instead.`;
  }
  return undefined;
}

/** How a network learns a task. @throws InvalidArgumentError for a setting out of range */
export function trainingOptions(options: LearningOptions, task: Task, seed = 0): TrainingOptions {
  const { l1 = 0, l2 = 0, labelSmoothing = 0, clipping } = options;
  for (const [name, value] of Object.entries({ l1, l2 })) {
    if (value >= 0 && Number.isFinite(value)) continue;
    throw new InvalidArgumentError(`\`${name}\` is ${value}: expected 0 or a number above it, such as 0.0001.`);
  }
  if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new InvalidArgumentError(
      `\`labelSmoothing\` is ${labelSmoothing}: expected a part from 0 to below 1, such as 0.1.`,
    );
  }
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
    throw new InvalidArgumentError(`\`seed\` is ${seed}: expected an integer in 0..4294967295.`);
  }
  const optimizer = resolveOptimizer(options.optimizer, options.learningRate);
  return { loss: taskRules(task).loss, labelSmoothing, optimizer, clipping, l1, l2, seed };
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

import { InvalidArgumentError } from "../errors.js";
import { type Shape, sizeOf } from "../ndarray.js";
import { type ActivationName, activationNames } from "../network/activation.js";
import type { Layer } from "../network/layer.js";
import type { Network, NetworkWeights, Weight } from "../network/network.js";
import { weightShapes } from "../network/weight-shapes.js";
import {
  checkBoolean,
  checkList,
  checkOneOf,
  checkTexts,
  checkWellFormed,
  describeValue,
} from "../options/check-option.js";
import { createRandom, type Random } from "../random.js";
import { type Task, taskRules, tasks } from "./target.js";

/** What a head is made of. */
export interface HeadShape<T extends Task = "classification"> {
  /**
   * What is learned: one of several classes (a softmax), any number of labels for each row (sigmoids), or numbers (no
   * activation). @default "classification"
   */
  readonly task?: T | undefined;
  /** Shape of one row of features, such as `[512]` or `[7, 7, 512]`. More than one axis is flattened. */
  readonly inputShape: Shape;
  /**
   * Names of the classes, at least two, in the order of the data's integer labels; names of the labels, in the order of the
   * data's ones and zeros; or of a regression the names of its numbers, such as `["price"]`.
   */
  readonly classLabels: readonly string[];
  /** Sizes of the hidden layers (dense), such as `[256]`. @default [] (softmax regression) */
  readonly hidden?: readonly number[] | undefined;
  /** Of the hidden layers. @default "relu" */
  readonly activation?: ActivationName | undefined;
  /** Normalises the values of each hidden layer before its activation, which then needs no bias. @default false */
  readonly batchNormalization?: boolean | undefined;
  /** Part of the values that is dropped after each hidden layer, or of the features if there is none. @default 0 */
  readonly dropout?: number | undefined;
  /**
   * Standardises each feature before anything else, by a BatchNormalization layer without scale and centre whose
   * statistics follow the training batches. For features that lie far from 0, or differ much in size, on which a dense
   * layer learns badly. @default false
   */
  readonly normalize?: boolean | undefined;
  /** Seeds the first weights and dropout. @default 0 */
  readonly seed?: number | undefined;
}

// Keras's default momentum of 0.99 needs some 500 batches to find the statistics; small data sets have fewer.
const statistics = { epsilon: 0.001, momentum: 0.9 };

/**
 * Makes a head: InputLayer "features", Flatten and BatchNormalization if needed, for each hidden layer a Dense (with
 * batch normalization: Dense, BatchNormalization, Activation) and Dropout, and a Dense "predictions" with the activation of
 * the task.
 *
 * First weights are Keras's for Dense, Glorot uniform, and can be made again in Python: from one
 * `numpy.random.RandomState(seed)`, layer by layer,
 * `uniform(-limit, limit, (inputs, units)).astype("float32")` with `limit = sqrt(6 / (inputs + units))`. Biases are 0.
 *
 * Formula: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
 *
 * @throws InvalidArgumentError for too few class labels, labels that are not unique, or a setting out of range
 */
export function headNetwork(shape: HeadShape<Task>): Network {
  const { inputShape, classLabels, hidden = [], dropout = 0, normalize = false, seed = 0 } = shape;
  const { task = "classification", activation = "relu", batchNormalization = false } = shape;
  checkOneOf("task", task, tasks);
  checkShape(inputShape, hidden, dropout);
  checkOneOf("activation", activation, activationNames);
  checkClassLabels(classLabels, task);
  checkBoolean("normalize", normalize);
  checkBoolean("batchNormalization", batchNormalization);
  const layers: Layer[] = [];
  const append = (layer: Omit<Layer, "inputs">) => {
    layers.push({ ...layer, inputs: layers.slice(-1).map(({ name }) => name) } as Layer);
  };
  const dense = (name: string, units: number, useBias: boolean, applied: ActivationName) =>
    append({ className: "Dense", name, config: { units, useBias, activation: applied } });
  append({ className: "InputLayer", name: "features", config: { shape: inputShape, dtype: "float32" } });
  if (inputShape.length > 1) append({ className: "Flatten", name: "flatten", config: {} });
  if (normalize) {
    append({
      className: "BatchNormalization",
      name: "normalize",
      config: { ...statistics, scale: false, center: false },
    });
  }
  hidden.forEach((units, index) => {
    const number = index + 1;
    dense(`hidden_${number}`, units, !batchNormalization, batchNormalization ? "linear" : activation);
    if (batchNormalization) {
      const config = { ...statistics, scale: true, center: true };
      append({ className: "BatchNormalization", name: `batch_normalization_${number}`, config });
      append({ className: "Activation", name: `activation_${number}`, config: { activation } });
    }
    if (dropout > 0) append({ className: "Dropout", name: `dropout_${number}`, config: { rate: dropout } });
  });
  if (hidden.length === 0 && dropout > 0)
    append({ className: "Dropout", name: "dropout_1", config: { rate: dropout } });
  dense("predictions", classLabels.length, true, taskRules(task).activation);
  const topology = { name: "transfer_head", layers, inputs: ["features"], outputs: ["predictions"] };
  return { ...topology, weights: glorotUniform(weightShapes(topology), createRandom(seed)) };
}

function glorotUniform(needed: ReturnType<typeof weightShapes>, random: Random): NetworkWeights {
  const weights = new Map<string, readonly Weight[]>();
  for (const [layer, shapes] of needed) {
    weights.set(
      layer,
      shapes.map(({ name, shape }) => {
        const data = new Float32Array(sizeOf(shape));
        if (name === "moving_variance" || name === "gamma") data.fill(1);
        if (name === "kernel") {
          const [inputs = 0, units = 0] = shape;
          const limit = Math.sqrt(6 / (inputs + units));
          // As numpy's `uniform` computes it, so that the last bit is the same.
          for (let i = 0; i < data.length; i++) data[i] = -limit + 2 * limit * random.double();
        }
        return { name, array: { dtype: "float32", shape, data } };
      }),
    );
  }
  return weights;
}

function checkShape(inputShape: Shape, hidden: readonly number[], dropout: number): void {
  const isSize = (size: number) => Number.isInteger(size) && size >= 1;
  checkList("inputShape", inputShape, "the shape of one row of features, such as [512] or [7, 7, 512]");
  checkList("hidden", hidden, "a list of the sizes of hidden layers, such as [256]");
  if (inputShape.length === 0 || !inputShape.every(isSize)) {
    throw new InvalidArgumentError(
      `\`inputShape\` is [${inputShape.join(", ")}]: expected the shape of one row of features, such as [512] or [7, 7, 512], every axis at least 1.`,
    );
  }
  if (!hidden.every(isSize)) {
    throw new InvalidArgumentError(
      `\`hidden\` is [${hidden.join(", ")}]: expected sizes of hidden layers, integers of at least 1, such as [256].`,
    );
  }
  if (!(Number.isFinite(dropout) && dropout >= 0 && dropout < 1)) {
    throw new InvalidArgumentError(
      `\`dropout\` is ${describeValue(dropout)}: expected a part from 0 to below 1, such as 0.5.`,
    );
  }
}

/**
 * Checks the names of classes, labels or outputs: of classes at least two, of others one; none empty, none twice, none that
 * UTF-8 cannot hold.
 *
 * @throws InvalidArgumentError if they are not so
 */
export function checkClassLabels(classLabels: readonly string[], task: Task): void {
  checkTexts("classLabels", classLabels, '["cats", "dogs"]');
  const least = task === "classification" ? 2 : 1;
  if (classLabels.length < least) {
    throw new InvalidArgumentError(
      `\`classLabels\` is [${classLabels.map((label) => `"${label}"`).join(", ")}]: expected the names of ${least === 2 ? "at least two classes" : "one output or more"}.`,
    );
  }
  checkWellFormed("classLabels", classLabels);
  const twice = classLabels.find((label, index) => label === "" || classLabels.indexOf(label) !== index);
  if (twice !== undefined) {
    throw new InvalidArgumentError(
      `\`classLabels\` has ${twice === "" ? "an empty name" : `"${twice}" twice`}: expected a name of its own for every class.`,
    );
  }
}

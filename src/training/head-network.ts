import { InvalidArgumentError } from "../errors.js";
import { type Shape, sizeOf } from "../ndarray.js";
import type { Layer } from "../network/layer.js";
import type { Network, NetworkWeights, Weight } from "../network/network.js";
import { weightShapes } from "../network/weight-shapes.js";
import { checkBoolean, checkList, checkTexts, checkWellFormed, describeValue } from "../options/check-option.js";
import { createRandom, type Random } from "../random.js";

/** What a head is made of. */
export interface HeadShape {
  /** Shape of one row of features, such as `[512]` or `[7, 7, 512]`. More than one axis is flattened. */
  readonly inputShape: Shape;
  /** Names of the classes, at least two, in the order of the data's integer labels. */
  readonly classLabels: readonly string[];
  /** Sizes of the hidden layers (dense, relu), such as `[256]`. @default [] (softmax regression) */
  readonly hidden?: readonly number[] | undefined;
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

/**
 * Makes a head: InputLayer "features", Flatten and BatchNormalization if needed, Dense (relu) with Dropout for each hidden
 * layer, and a Dense softmax "predictions".
 *
 * First weights are Keras's for Dense, Glorot uniform, and can be made again in Python: from one
 * `numpy.random.RandomState(seed)`, layer by layer,
 * `uniform(-limit, limit, (inputs, units)).astype("float32")` with `limit = sqrt(6 / (inputs + units))`. Biases are 0.
 *
 * Formula: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
 *
 * @throws InvalidArgumentError for fewer than two classes, labels that are not unique, or a size or rate out of range
 */
export function headNetwork(shape: HeadShape): Network {
  const { inputShape, classLabels, hidden = [], dropout = 0, normalize = false, seed = 0 } = shape;
  checkShape(inputShape, hidden, dropout);
  checkLabels(classLabels);
  checkBoolean("normalize", normalize);
  const layers: Layer[] = [];
  const append = (layer: Omit<Layer, "inputs">) => {
    layers.push({ ...layer, inputs: layers.slice(-1).map(({ name }) => name) } as Layer);
  };
  append({ className: "InputLayer", name: "features", config: { shape: inputShape, dtype: "float32" } });
  if (inputShape.length > 1) append({ className: "Flatten", name: "flatten", config: {} });
  if (normalize) {
    // Keras's default momentum of 0.99 needs some 500 batches to find the statistics; small data sets have fewer.
    const config = { epsilon: 0.001, momentum: 0.9, scale: false, center: false };
    append({ className: "BatchNormalization", name: "normalize", config });
  }
  hidden.forEach((units, index) => {
    append({ className: "Dense", name: `hidden_${index + 1}`, config: { units, useBias: true, activation: "relu" } });
    if (dropout > 0) append({ className: "Dropout", name: `dropout_${index + 1}`, config: { rate: dropout } });
  });
  if (hidden.length === 0 && dropout > 0)
    append({ className: "Dropout", name: "dropout_1", config: { rate: dropout } });
  append({
    className: "Dense",
    name: "predictions",
    config: { units: classLabels.length, useBias: true, activation: "softmax" },
  });
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
        if (name === "moving_variance") data.fill(1);
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

/** Checks the names of classes: at least two, none empty, none twice, none that UTF-8 cannot hold. @throws InvalidArgumentError if they are not so */
export function checkLabels(classLabels: readonly string[]): void {
  checkTexts("classLabels", classLabels, '["cats", "dogs"]');
  if (classLabels.length < 2) {
    throw new InvalidArgumentError(
      `\`classLabels\` is [${classLabels.map((label) => `"${label}"`).join(", ")}]: expected the names of at least two classes.`,
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

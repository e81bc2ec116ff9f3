import { InvalidArgumentError, UnsupportedError } from "../../errors.js";
import { sizeOf } from "../../ndarray.js";
import type { Network } from "../../network/network.js";
import { allFinite } from "../all-finite.js";
import { headNetwork } from "../head-network.js";
import type { Target } from "../target.js";
import type { LogisticFit } from "./fit-logistic.js";
import { unitsOf } from "./logistic-objective.js";

type Parameters = Pick<LogisticFit, "weights" | "intercepts">;

/**
 * A logistic regression as a network: a Dense layer with a softmax, as a `TransferHead` without hidden layers has it. Of two
 * classes the first has weights of 0: softmax([0, score]) is [1 - sigmoid(score), sigmoid(score)].
 *
 * @throws InvalidArgumentError if a weight is beyond the range of float32
 */
export function logisticNetwork({ weights, intercepts }: Parameters, target: Target): Network {
  const units = unitsOf(target);
  const classes = target.classLabels.length;
  const width = sizeOf(target.inputShape);
  const kernel = new Float32Array(width * classes);
  const bias = new Float32Array(classes);
  for (let unit = 0; unit < units; unit++) {
    const column = classes - units + unit;
    for (let j = 0; j < width; j++) kernel[j * classes + column] = weights[unit * width + j] as number;
    bias[column] = intercepts[unit] as number;
  }
  if (!allFinite(kernel) || !allFinite(bias)) {
    throw new InvalidArgumentError(
      "The coefficients are too large for the 32-bit numbers of a Keras file. Lower `C`, or bring the features to a greater range.",
    );
  }
  const { layers, inputs, outputs } = headNetwork(target);
  return {
    name: "logistic_regression",
    layers,
    inputs,
    outputs,
    weights: new Map([
      [
        "predictions",
        [
          { name: "kernel", array: { dtype: "float32", shape: [width, classes], data: kernel } },
          { name: "bias", array: { dtype: "float32", shape: [classes], data: bias } },
        ],
      ],
    ]),
  };
}

/**
 * The weights of a network that is nothing but a softmax of a Dense layer; of two classes, the second's less the first's.
 *
 * @param name how messages call the file
 * @throws UnsupportedError if the network does more
 */
export function logisticParameters(network: Network, target: Target, name: string): Parameters {
  const dense = network.layers.filter(({ className }) => className === "Dense");
  const others = network.layers.filter(
    ({ className }) => !["InputLayer", "Flatten", "Dropout", "Dense"].includes(className),
  );
  if (dense.length !== 1 || others.length > 0) {
    throw new UnsupportedError(
      `The model in "${name}" is no logistic regression: it has the layers ${network.layers.map((layer) => `"${layer.name}"`).join(", ")}. Expected one Dense layer with a softmax. Load it with \`TransferHead.load\`.`,
    );
  }
  const given = network.weights.get(dense[0]?.name ?? "") ?? [];
  const kernel = given.find((weight) => weight.name === "kernel")?.array.data ?? [];
  const bias = given.find((weight) => weight.name === "bias")?.array.data;
  const classes = target.classLabels.length;
  const units = unitsOf(target);
  const width = sizeOf(target.inputShape);
  const weights = new Float64Array(units * width);
  const intercepts = new Float64Array(units);
  for (let unit = 0; unit < units; unit++) {
    const column = classes - units + unit;
    const value = (values: ArrayLike<number>, at: number) =>
      (values[at + column] as number) - (units === 1 ? (values[at] as number) : 0);
    for (let j = 0; j < width; j++) weights[unit * width + j] = value(kernel, j * classes);
    intercepts[unit] = bias ? value(bias, 0) : 0;
  }
  return { weights, intercepts };
}

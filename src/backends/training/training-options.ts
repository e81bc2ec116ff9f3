import { InvalidArgumentError, ShapeMismatchError } from "../../errors.js";
import { type NdArray, sizeOf } from "../../ndarray.js";
import type { Network } from "../../network/network.js";
import { checkArray } from "../../options/check-array.js";
import { checkOptions, type OptionNames } from "../../options/check-options.js";
import type { GradientClipping, OptimizerConfig, StepOptions, TrainingOptions } from "../trainable-backend.js";

const losses = ["categorical_crossentropy", "binary_crossentropy", "mean_squared_error"];

const names: OptionNames<TrainingOptions> = {
  loss: true,
  labelSmoothing: true,
  optimizer: true,
  clipping: true,
  l1: true,
  l2: true,
  layers: true,
  seed: true,
  signal: true,
};

/** Checks the options that do not depend on the network. @throws InvalidArgumentError naming the first that is wrong */
export function checkTrainingOptions(options: TrainingOptions): void {
  checkOptions("loadForTraining", options, names);
  const { loss, labelSmoothing = 0, optimizer, clipping = {}, l1 = 0, l2, layers = new Map(), seed } = options;
  if (!losses.includes(loss)) refuse("loss", loss, losses.map((name) => `"${name}"`).join(", "));
  if (!(labelSmoothing >= 0 && labelSmoothing < 1)) refuse("labelSmoothing", labelSmoothing, "0 <= number < 1");
  if (labelSmoothing > 0 && loss === "mean_squared_error") {
    refuse(
      "labelSmoothing",
      labelSmoothing,
      '0 with the loss "mean_squared_error", whose targets are no probabilities',
    );
  }
  if (typeof optimizer !== "object" || optimizer === null) {
    refuse(
      "optimizer",
      optimizer,
      'its name and settings, such as { name: "sgd", learningRate: 0.01, momentum: 0, nesterov: false }',
    );
  }
  checkOptimizer(optimizer);
  if (typeof clipping !== "object" || clipping === null) {
    refuse("clipping", clipping, "one way of clipping, such as { clipnorm: 1 }");
  }
  checkClipping(clipping);
  if (typeof layers?.get !== "function") refuse("layers", layers, "a Map from names of layers to their settings");
  checkAtLeast0("l1", l1);
  checkAtLeast0("l2", l2);
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) refuse("seed", seed, "an integer in 0..4294967295");
  for (const [name, layer] of layers) {
    const option = (key: string) => `layers.get(${JSON.stringify(name)}).${key}`;
    const { trainable = true, learningRateFactor = 1 } = layer;
    if (typeof trainable !== "boolean") refuse(option("trainable"), trainable, "true or false");
    if (!isAbove0(learningRateFactor)) {
      refuse(
        option("learningRateFactor"),
        learningRateFactor,
        "a number > 0; `trainable: false` makes a layer stand still",
      );
    }
    if (layer.l1 !== undefined) checkAtLeast0(option("l1"), layer.l1);
    if (layer.l2 !== undefined) checkAtLeast0(option("l2"), layer.l2);
  }
}

function checkOptimizer(optimizer: OptimizerConfig): void {
  const checkShare = (key: string, value: number) => {
    if (!(value >= 0 && value < 1)) refuse(`optimizer.${key}`, value, "0 <= number < 1");
  };
  const { name, learningRate } = optimizer;
  if (!["sgd", "rmsprop", "adam", "adamw"].includes(name)) {
    refuse("optimizer.name", name, '"sgd", "rmsprop", "adam", "adamw"');
  }
  if (!isAbove0(learningRate)) refuse("optimizer.learningRate", learningRate, "a number > 0");
  if ("epsilon" in optimizer) checkAtLeast0("optimizer.epsilon", optimizer.epsilon);
  switch (optimizer.name) {
    case "sgd":
      checkShare("momentum", optimizer.momentum);
      if (optimizer.nesterov && optimizer.momentum === 0) {
        refuse("optimizer.nesterov", true, "false where `momentum` is 0, as it then does nothing");
      }
      return;
    case "rmsprop":
      checkShare("rho", optimizer.rho);
      checkShare("momentum", optimizer.momentum);
      return;
    case "adamw":
      checkAtLeast0("optimizer.weightDecay", optimizer.weightDecay);
      checkShare("beta1", optimizer.beta1);
      checkShare("beta2", optimizer.beta2);
      return;
    case "adam":
      checkShare("beta1", optimizer.beta1);
      checkShare("beta2", optimizer.beta2);
  }
}

function checkClipping({ clipnorm, globalClipnorm, clipvalue }: GradientClipping): void {
  const given = Object.entries({ clipnorm, globalClipnorm, clipvalue }).filter(([, value]) => value !== undefined);
  for (const [key, value] of given) if (!isAbove0(value)) refuse(`clipping.${key}`, value, "a number > 0");
  if (given.length < 2) return;
  throw new InvalidArgumentError(
    `\`clipping\` has ${given.map(([key]) => `\`${key}\``).join(" and ")}: expected one way of clipping at most.`,
  );
}

/**
 * Checks the options of one step.
 *
 * @throws InvalidArgumentError if the learning rate is below 0, or a weight is not a finite number
 * @throws ShapeMismatchError if there is not one weight for each row
 */
export function checkStepOptions(network: Network, rows: number, options: StepOptions): void {
  checkOptions("step", options, { learningRate: true, sampleWeights: true });
  const { learningRate, sampleWeights } = options;
  if (learningRate !== undefined) checkAtLeast0("learningRate", learningRate);
  if (sampleWeights === undefined) return;
  checkArray("sampleWeights", sampleWeights, "a weight for each row");
  const { dtype, shape, data } = sampleWeights;
  if (dtype !== "float32" || shape.length !== 1 || shape[0] !== rows || data.length !== rows) {
    throw new ShapeMismatchError(
      `Cannot train network "${network.name}": \`sampleWeights\` must be float32 [${rows}], one for each row of \`xs\`, ` +
        `but ${dtype} [${shape.join(", ")}] with ${data.length} values came.`,
      { expected: [rows], received: shape },
    );
  }
  const wrong = data.findIndex((weight) => !Number.isFinite(weight));
  if (wrong >= 0) refuse(`sampleWeights[${wrong}]`, String(data[wrong]), "a finite number");
}

/** Checks targets. @throws ShapeMismatchError if they are not of the output's shape */
export function checkTargets(
  network: Network,
  rows: number,
  output: readonly (number | null)[],
  ys: NdArray<"float32">,
): void {
  const expected = [rows, ...output];
  const fits =
    ys.shape.length === expected.length && expected.every((axis, at) => axis === null || axis === ys.shape[at]);
  if (ys.dtype === "float32" && fits && ys.data.length === sizeOf(ys.shape)) return;
  throw new ShapeMismatchError(
    `Cannot train network "${network.name}": \`ys\` must be float32 [${expected.map((axis) => axis ?? "any").join(", ")}], ` +
      `one row of the output's shape for each row of \`xs\`, but ${ys.dtype} [${ys.shape.join(", ")}] with ${ys.data.length} values came.`,
    { expected, received: ys.shape },
  );
}

function isAbove0(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) > 0;
}

function checkAtLeast0(option: string, value: unknown): void {
  if (!Number.isFinite(value) || (value as number) < 0) refuse(option, value, "a number >= 0");
}

function refuse(option: string, value: unknown, expected: string): never {
  throw new InvalidArgumentError(`\`${option}\` is ${JSON.stringify(value)}: expected ${expected}.`);
}

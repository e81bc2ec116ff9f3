import { InvalidArgumentError, UnsupportedError } from "../errors.js";
import { formatShape } from "../network/layer-shape.js";
import type { Topology } from "../network/network.js";
import { inferShapes } from "../network/shapes.js";
import { checkClassLabels } from "./head-network.js";
import { type Task, taskRules, tasks } from "./target.js";

const endings = {
  softmax: "a softmax over at least two classes",
  sigmoid: "sigmoids",
  linear: "no activation",
} as const;

/**
 * Checks that a network has the form that a task needs: one input of known shape, and one output, a row of numbers that end in
 * the task's activation.
 *
 * @param what how messages call it
 * @returns how many numbers
 * @throws UnsupportedError if it has not
 */
export function checkEnding(network: Topology, what: string, task: Task): number {
  const { activation } = taskRules(task);
  const refuse = (fault: string): never => {
    const other = tasks.filter((one) => one !== task).map((one) => `"${one}"`);
    throw new UnsupportedError(
      `${capital(what)} does not fit the task "${task}": ${fault}. Expected one input of known shape, and one output that ends in ${endings[activation]}; \`task\` may also be ${other.join(" or ")}.`,
    );
  };
  const [output] = network.outputs;
  if (network.inputs.length !== 1 || network.outputs.length !== 1) {
    return refuse(`it has ${network.inputs.length} inputs and ${network.outputs.length} outputs`);
  }
  const input = network.layers.find((layer) => layer.className === "InputLayer")?.config.shape ?? [];
  if (input.length === 0 || input.includes(null)) return refuse(`its input has the shape ${formatShape(input)}`);
  const last = network.layers.find((layer) => layer.name === output);
  const given =
    last?.className === "Dense" || last?.className === "Activation"
      ? last.config.activation
      : last?.className === "Softmax"
        ? "softmax"
        : "linear";
  if (given !== activation) {
    return refuse(`its last layer "${output}" has the activation ${typeof given === "string" ? given : given.name}`);
  }
  const [outputs, ...more] = inferShapes(network).get(output ?? "") ?? [];
  if (typeof outputs !== "number" || outputs < (task === "classification" ? 2 : 1) || more.length > 0) {
    return refuse(`its output has the shape ${formatShape([outputs ?? null, ...more])}`);
  }
  return outputs;
}

/**
 * Checks that there is a name for each output of a network.
 *
 * @param what how messages call the network
 * @throws InvalidArgumentError if there are more or fewer, or names that cannot be
 */
export function checkLabelCount(classLabels: readonly string[], outputs: number, what: string, task: Task): void {
  checkClassLabels(classLabels, task);
  if (classLabels.length === outputs) return;
  throw new InvalidArgumentError(
    `${capital(what)} ${task === "classification" ? `tells ${outputs} classes apart` : `has ${outputs} outputs`}, but there are ${classLabels.length} class labels: expected one for each.`,
  );
}

function capital(text: string): string {
  return `${text[0]?.toUpperCase()}${text.slice(1)}`;
}

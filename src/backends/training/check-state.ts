import { InvalidArgumentError, InvalidWeightsError } from "../../errors.js";
import { sizeOf } from "../../ndarray.js";
import { checkWeightsMap } from "../../network/check-network.js";
import { formatShape } from "../../network/layer-shape.js";
import type { NetworkWeights, Weight } from "../../network/network.js";
import { describeValue } from "../../options/check-option.js";
import type { TrainingState } from "../trainable-backend.js";
import type { TrainingPlan } from "./training-plan.js";

/**
 * Checks a state from outside.
 *
 * @param slots names of the optimizer's running values
 * @throws InvalidArgumentError if it is none
 * @throws InvalidWeightsError naming the first thing that does not fit
 */
export function checkState({ plan, trained }: TrainingPlan, slots: readonly string[], state: TrainingState): void {
  if (typeof state !== "object" || state === null || typeof state.slots?.keys !== "function") {
    throw new InvalidArgumentError(
      `\`state\` is ${describeValue(state)}: expected what \`readState\` gives, { step, weights, slots }.`,
    );
  }
  checkWeightsMap("state.weights", state.weights);
  const what = `Cannot go on training network "${plan.network.name}"`;
  if (!Number.isInteger(state.step) || state.step < 0) {
    throw new InvalidWeightsError(`${what}: \`step\` is ${String(state.step)}: expected an integer of at least 0.`);
  }
  checkWeights(`${what}: \`weights\``, plan.network.weights, state.weights);
  const names = [...state.slots.keys()];
  if (names.length !== slots.length || slots.some((slot) => !state.slots.has(slot))) {
    const list = (all: readonly string[]) => (all.length === 0 ? "none" : all.map((slot) => `"${slot}"`).join(", "));
    throw new InvalidWeightsError(
      `${what}: the state has the slots ${list(names)}, but the optimizer has ${list(slots)}. Give the network the optimizer that the state comes from.`,
    );
  }
  const expected = new Map<string, Weight[]>();
  for (const { layer, position } of trained) {
    const weight = plan.network.weights.get(layer)?.[position] as Weight;
    expected.set(layer, [...(expected.get(layer) ?? []), weight]);
  }
  for (const [slot, values] of state.slots) checkWeights(`${what}: \`slots.get("${slot}")\``, expected, values);
}

function checkWeights(what: string, expected: NetworkWeights, received: NetworkWeights): void {
  const refuse = (layer: string, fault: string): never => {
    throw new InvalidWeightsError(`${what} ${fault}`, { layer });
  };
  for (const layer of received.keys()) {
    if (!expected.has(layer)) refuse(layer, `has a layer "${layer}", which is not there or has no such weights.`);
  }
  for (const [layer, weights] of expected) {
    const own = received.get(layer) ?? [];
    const names = (list: readonly Weight[]) => `[${list.map(({ name }) => `"${name}"`).join(", ")}]`;
    if (own.length !== weights.length || weights.some(({ name }, at) => own[at]?.name !== name)) {
      refuse(layer, `has ${names(own)} for the layer "${layer}": expected ${names(weights)}.`);
    }
    for (const [at, { name, array }] of weights.entries()) {
      const { dtype, shape, data } = (own[at] as Weight).array;
      if (dtype === "float32" && formatShape(shape) === formatShape(array.shape) && data.length === sizeOf(shape))
        continue;
      refuse(
        layer,
        `has "${name}" of the layer "${layer}" as ${dtype} ${formatShape(shape)} with ${data.length} values: expected float32 ${formatShape(array.shape)}.`,
      );
    }
  }
}

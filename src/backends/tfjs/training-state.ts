import type { Network, NetworkWeights, Weight } from "../../network/network.js";
import type { TrainingState } from "../trainable-backend.js";
import type { TrainedWeight, TrainingPlan } from "../training/training-plan.js";
import type { OptimizerRule, WeightState } from "./optimizer.js";
import type { TfjsRuntime } from "./runtime.js";
import type { Tensor } from "./shared-tfjs.js";
import { disposeWeights, readTensor, uploadWeights, type WeightTensors } from "./weight-tensors.js";

/** Everything that a step changes. A step makes a new one, which takes this one's place only when it has gone well. */
export interface TensorState {
  /** Steps taken so far. */
  readonly step: number;
  readonly weights: WeightTensors;
  /** The optimizer's running values: for each trained weight, in the order of the rule. */
  readonly slots: readonly WeightState["slots"][];
}

/** Tensor of a trained weight. */
export function tensorOf(weights: WeightTensors, { layer, position }: TrainedWeight): Tensor {
  return weights.get(layer)?.[position] as Tensor;
}

/** The state before the first step. To be called on the backend. */
export function startState(runtime: TfjsRuntime, { plan, trained }: TrainingPlan, rule: OptimizerRule): TensorState {
  const { tf } = runtime;
  const weights = uploadWeights(runtime, plan.network.weights);
  const slots = trained.map((weight) => rule.slots.map(() => tf.zeros(tensorOf(weights, weight).shape)));
  return { step: 0, weights, slots };
}

/** Frees a state. */
export function disposeState(runtime: TfjsRuntime, { weights, slots }: TensorState): void {
  disposeWeights(runtime, weights);
  runtime.tf.dispose(slots.flat());
}

/** Frees what a state holds beyond another one, which stays valid. */
export function disposeBeyond(runtime: TfjsRuntime, state: TensorState, kept: TensorState): void {
  const stay = new Set(tensorsOf(kept));
  runtime.tf.dispose(tensorsOf(state).filter((tensor) => !stay.has(tensor)));
}

function tensorsOf({ weights, slots }: TensorState): Tensor[] {
  return [...weights.values(), ...slots].flat();
}

/** Copies weights out. */
export async function readWeights(
  runtime: TfjsRuntime,
  network: Network,
  weights: WeightTensors,
): Promise<NetworkWeights> {
  const read = new Map<string, readonly Weight[]>();
  for (const [layer, own] of network.weights) {
    const values: Weight[] = [];
    for (const [index, { name }] of own.entries()) {
      values.push({ name, array: await readTensor(runtime, weights.get(layer)?.[index] as Tensor) });
    }
    read.set(layer, values);
  }
  return read;
}

/** Copies a state out. */
export async function readState(
  runtime: TfjsRuntime,
  { plan, trained }: TrainingPlan,
  rule: OptimizerRule,
  state: TensorState,
): Promise<TrainingState> {
  const slots = new Map<string, NetworkWeights>();
  for (const [position, slot] of rule.slots.entries()) {
    const values = new Map<string, Weight[]>();
    for (const [index, { layer, name }] of trained.entries()) {
      const own = values.get(layer) ?? [];
      own.push({ name, array: await readTensor(runtime, state.slots[index]?.[position] as Tensor) });
      values.set(layer, own);
    }
    slots.set(slot, values);
  }
  return { step: state.step, weights: await readWeights(runtime, plan.network, state.weights), slots };
}

/** Copies a checked state into tensors. To be called on the backend. */
export function uploadState(
  runtime: TfjsRuntime,
  { trained }: TrainingPlan,
  rule: OptimizerRule,
  { step, weights, slots }: TrainingState,
): TensorState {
  const own = uploadWeights(runtime, weights);
  const uploaded: WeightTensors[] = [];
  try {
    for (const slot of rule.slots) uploaded.push(uploadWeights(runtime, slots.get(slot) as NetworkWeights));
  } catch (error) {
    for (const each of [own, ...uploaded]) disposeWeights(runtime, each);
    throw error;
  }
  const taken = new Map<string, number>();
  const ofTrained = trained.map(({ layer }) => {
    const index = taken.get(layer) ?? 0;
    taken.set(layer, index + 1);
    return uploaded.map((slot) => slot.get(layer)?.[index] as Tensor);
  });
  return { step, weights: own, slots: ofTrained };
}

import type { TrainedWeight } from "../../training/training-plan.js";
import type { GraphWriter } from "./graph-writer.js";

/** A loss and l1 * sum(|value|) + l2 * sum(value^2) of a weight. */
export function addPenalty(w: GraphWriter, loss: string, value: string, { l1, l2 }: TrainedWeight): string {
  const add = (to: string, total: string, factor: number) =>
    factor === 0 ? to : w.node("Add", [to, w.scaled(total, factor)]);
  const withL1 = l1 === 0 ? loss : add(loss, w.sumOfAll(w.node("Abs", [value])), l1);
  return l2 === 0 ? withL1 : add(withL1, w.sumOfAll(w.node("Mul", [value, value])), l2);
}

/** A gradient and that of the weight's own penalty. */
export function penalizedGradient(w: GraphWriter, gradient: string, value: string, { l1, l2 }: TrainedWeight): string {
  const withL2 = l2 === 0 ? gradient : w.node("Add", [gradient, w.scaled(value, 2 * l2)]);
  return l1 === 0 ? withL2 : w.node("Add", [withL2, w.scaled(w.node("Sign", [value]), l1)]);
}

import type { Tensor } from "./shared-tfjs.js";

/** Frees an operand once the result that was computed from it is there. */
export function usedUp(operand: Tensor, result: Tensor): Tensor {
  operand.dispose();
  return result;
}

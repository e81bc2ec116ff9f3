import type { NdArray } from "../ndarray.js";
import type { Network } from "../network/network.js";
import type { AbortOptions, Backend } from "./backend.js";

/** A backend that can also say how a network's output hangs on what goes in. */
export interface GradientBackend extends Backend {
  /**
   * Runs a network in inference mode and differentiates it: the gradient of `sum(seed * output)` with respect to the first
   * input, where `output` is the value of the network's only output.
   *
   * @param inputs float32, one array `[batch, ...row]` for each input
   * @param seed float32, of the output's shape
   * @returns float32, of the first input's shape
   * @throws InvalidNetworkError if the network is not valid, or its output does not need its first input
   * @throws UnsupportedError if the backend cannot differentiate a layer of it
   * @throws ShapeMismatchError if an input or the seed has another shape
   */
  inputGradient(
    network: Network,
    inputs: readonly NdArray<"float32">[],
    seed: NdArray<"float32">,
    options?: AbortOptions,
  ): Promise<NdArray<"float32">>;
}

/** Whether a backend can differentiate. */
export function isGradientBackend(backend: Backend): backend is GradientBackend {
  return typeof (backend as Partial<GradientBackend>).inputGradient === "function";
}

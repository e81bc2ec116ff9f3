import { compileKernels, startKernels } from "../../web-assembly/kernels.js";
import { optimizerKernelsBase64 } from "./optimizer-kernels-binary.js";

/**
 * The steps of the optimizers, each in one pass over a weight: assembly/optimizer-kernels.ts. `count` is a number of
 * float32 values, and `value`, `gradient` and the running values are addresses in the memory that the kernels were made
 * for; 0 for a running value that the optimizer does not keep. Those without a result go through whole fours of values.
 */
export interface OptimizerKernels {
  sgd(
    count: number,
    value: number,
    gradient: number,
    moving: number,
    learningRate: number,
    momentum: number,
    nesterov: number,
  ): void;
  rmsprop(
    count: number,
    value: number,
    gradient: number,
    velocity: number,
    moving: number,
    average: number,
    learningRate: number,
    rho: number,
    share: number,
    epsilon: number,
    momentum: number,
  ): void;
  adam(
    count: number,
    value: number,
    gradient: number,
    momentum: number,
    velocity: number,
    stepSize: number,
    share1: number,
    share2: number,
    epsilon: number,
    decay: number,
  ): void;
  /** Adds the gradient of `l1 * sum(|value|) + l2 * sum(value^2)` to a gradient. */
  addPenalty(count: number, value: number, gradient: number, l1: number, l2: number): void;
  /** Multiplies by a factor. */
  scale(count: number, values: number, factor: number): void;
  /** Limits to -limit..limit. */
  clip(count: number, values: number, limit: number): void;
  absoluteSum(count: number, values: number): number;
  squareSum(count: number, values: number): number;
}

/**
 * Compiles the kernels. Threads can be sent the module.
 *
 * @throws UnsupportedError where there is no WebAssembly with SIMD
 */
export function compileOptimizerKernels(): WebAssembly.Module {
  return compileKernels(optimizerKernelsBase64, "The steps of optimizers need");
}

/** Kernels for the values in a memory. */
export function optimizerKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): OptimizerKernels {
  return startKernels(module, memory);
}

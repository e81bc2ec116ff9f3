import type { KernelFunc, TensorInfo } from "@tensorflow/tfjs-core";
import type { Tensor, Tfjs } from "./shared-tfjs.js";
import type { SimdKernels } from "./simd/simd-kernels.js";

const kernelName = "CnnTransferAdam";

/** What one step of Adam is computed from: the weight, and tensors of its shape. */
export interface AdamTensors {
  readonly value: Tensor;
  readonly momentum: Tensor;
  readonly velocity: Tensor;
  readonly gradient: Tensor;
}

/** The numbers of one step of Adam. */
export interface AdamNumbers {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly stepSize: number;
  /** Share of the weight that is taken away; 0 for plain Adam. */
  readonly decay: number;
}

/** What of tfjs's wasm backend makes values and shows them in place. */
interface WasmValues {
  makeOutput(shape: readonly number[], dtype: "float32"): TensorInfo;
  typedArrayFromHeap(info: TensorInfo): Float32Array;
}

/**
 * Teaches tfjs's wasm backend to take a step of Adam in one pass over the weights. Composed of its own kernels it takes
 * twelve, each with an array to allocate and fill, and for large layers they cost more than the gradients. Does nothing
 * when it has been done.
 */
export function registerFusedAdam(tf: Tfjs, kernels: SimdKernels | undefined): void {
  if (tf.getKernel(kernelName, "wasm") !== undefined) return;
  const kernelFunc: KernelFunc = ({ inputs, attrs, backend }) => {
    const from = inputs as unknown as Readonly<Record<keyof AdamTensors, TensorInfo>>;
    const { beta1, beta2, epsilon, stepSize, decay } = attrs as unknown as AdamNumbers;
    const wasm = backend as unknown as WasmValues;
    const results = [0, 1, 2].map(() => wasm.makeOutput(from.value.shape, "float32")) as [
      TensorInfo,
      TensorInfo,
      TensorInfo,
    ];
    // Only now, as making the results can move the heap.
    const [values, momenta, velocities] = results.map((result) => wasm.typedArrayFromHeap(result)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const [value, momentum, velocity, gradient] = [from.value, from.momentum, from.velocity, from.gradient].map(
      (info) => wasm.typedArrayFromHeap(info),
    ) as [Float32Array, Float32Array, Float32Array, Float32Array];
    const [share1, share2] = [1 - beta1, 1 - beta2];
    // Four at a time where that can be, and the rest in JavaScript.
    const done = kernels === undefined ? 0 : value.length - (value.length % 4);
    if (done > 0) {
      const arrays = [value, gradient, momentum, velocity, values, momenta, velocities];
      const addresses = arrays.map(({ byteOffset }) => byteOffset);
      kernels?.adamInto(done, ...addresses, stepSize, share1, share2, epsilon, decay);
    }
    for (let i = done; i < value.length; i++) {
      const g = gradient[i] as number;
      const m = (momentum[i] as number) + (g - (momentum[i] as number)) * share1;
      const v = (velocity[i] as number) + (g * g - (velocity[i] as number)) * share2;
      const w = value[i] as number;
      momenta[i] = m;
      velocities[i] = v;
      values[i] = w - w * decay - (m * stepSize) / (Math.sqrt(v) + epsilon);
    }
    return results;
  };
  tf.registerKernel({ kernelName, backendName: "wasm", kernelFunc });
}

/** One step in one pass: the next value, momentum and velocity. Undefined where the current backend cannot. */
export function fusedAdamStep(
  tf: Tfjs,
  tensors: AdamTensors,
  numbers: AdamNumbers,
): readonly [Tensor, Tensor, Tensor] | undefined {
  if (tf.getKernel(kernelName, tf.getBackend()) === undefined) return undefined;
  return tf.engine().runKernel(kernelName, { ...tensors }, { ...numbers }) as unknown as [Tensor, Tensor, Tensor];
}

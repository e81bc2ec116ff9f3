import type { KernelFunc, NamedAttrMap, NamedTensorInfoMap, TensorInfo } from "@tensorflow/tfjs-core";
import type { Tfjs } from "./shared-tfjs.js";

/** Runs kernels within a kernel. */
export interface KernelComposer {
  /** Runs a kernel of the wasm backend; what it returns is freed at the end, or before by `free`. */
  run(kernel: string, inputs: NamedTensorInfoMap, attributes: NamedAttrMap): TensorInfo;
  /** An array for float32 numbers to be written into, which are any at first; freed as what `run` returns is. */
  make(shape: readonly number[]): TensorInfo;
  /** The same values, seen as of another shape with as many. */
  view(x: TensorInfo, shape: readonly number[]): TensorInfo;
  /** Frees a result of `run`, or a view of it, that is not needed any more. */
  free(x: TensorInfo): void;
}

/** What of the wasm backend makes and frees values. */
interface DataOwner {
  disposeData(dataId: object): boolean;
  makeOutput(shape: readonly number[], dtype: "float32"): TensorInfo;
}

/**
 * Computes a kernel's result from other kernels, and frees all that they made but the result, also if one of them fails.
 *
 * @param compose returns a result of `run`, or a view of one
 */
export function composeKernel(
  tf: Tfjs,
  backend: Parameters<KernelFunc>[0]["backend"],
  compose: (kernels: KernelComposer) => TensorInfo,
): TensorInfo {
  // One entry for each result: a kernel that returns its input's data has it counted once more.
  const held: object[] = [];
  const drop = (dataId: object) => {
    const at = held.lastIndexOf(dataId);
    if (at < 0) return;
    held.splice(at, 1);
    (backend as DataOwner).disposeData(dataId);
  };
  try {
    const result = compose({
      run(kernel, inputs, attrs) {
        const config = tf.getKernel(kernel, "wasm");
        if (config === undefined) throw new Error(`tfjs-backend-wasm has no kernel "${kernel}".`);
        const made = config.kernelFunc({ inputs, attrs, backend }) as TensorInfo;
        held.push(made.dataId);
        return made;
      },
      make(shape) {
        const made = (backend as unknown as DataOwner).makeOutput([...shape], "float32");
        held.push(made.dataId);
        return made;
      },
      view: (x, shape) => ({ ...x, shape: [...shape] }),
      free: ({ dataId }) => drop(dataId),
    });
    const at = held.lastIndexOf(result.dataId);
    if (at < 0) throw new Error("A composed kernel returned what none of its kernels made.");
    held.splice(at, 1);
    return result;
  } finally {
    for (const dataId of [...held]) drop(dataId);
  }
}

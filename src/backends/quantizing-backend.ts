import type { NdArray } from "../ndarray.js";
import type { Network } from "../network/network.js";
import type { AbortOptions, Backend, LoadedNetwork, LoadOptions } from "./backend.js";

/** How near the values of a network in 8-bit integers come to those in float32, on pictures that set no range. */
export interface QuantizationQuality {
  /** Mean over the pictures of the cosine between both rows of values; of several outputs the worst. 1 is equal. */
  readonly meanCosine: number;
  /** The same of the worst picture. */
  readonly minimumCosine: number;
  /** Length of the difference of all values / length of those in float32. */
  readonly relativeError: number;
  /** Number of pictures. */
  readonly images: number;
}

/** What turns a network into one of 8-bit integers: plain data, ready for JSON. */
export interface Int8Calibration {
  readonly formatVersion: 1;
  /** Name of the network, for people. */
  readonly network: string;
  /** CRC-32 of the network's weights, of how it prepares pixels, and of what is computed in integers: it is for no other network. */
  readonly checksum: string;
  /** How the ranges were chosen: the way that gave the smallest error. */
  readonly method: "minmax" | "percentile" | "entropy";
  /** Least and greatest value of each tensor that becomes integers. */
  readonly ranges: Readonly<Record<string, readonly [least: number, greatest: number]>>;
  /** Operators that stay in float32, because too much is lost in them. */
  readonly inFloat: readonly string[];
  /**
   * What is added to the biases of operators in integers, for each of their filters: the mean by which rounding moves their
   * sums. Only where it was needed to come near enough.
   */
  readonly biasCorrections?: Readonly<Record<string, readonly number[]>> | undefined;
  /** Number of pictures that set the ranges. */
  readonly images: number;
  readonly quality: QuantizationQuality;
}

/** How a calibration is made. */
export interface CalibrationOptions extends AbortOptions {
  /** Layers whose values count. Default: the network's own outputs. */
  readonly outputs?: readonly string[] | undefined;
  /** Batches `[batch, ...row]` of the network's only input, from which the ranges are taken. */
  readonly rangeBatches: readonly NdArray[];
  /** Others like them, on which the result is judged. */
  readonly judgingBatches: readonly NdArray[];
  /** Least `meanCosine` that is accepted. @default 0.998 */
  readonly meanCosine?: number | undefined;
  /** Least `minimumCosine` that is accepted. @default 0.99 */
  readonly minimumCosine?: number | undefined;
  /** Called after each run of the network; `total` grows where layers have to be tried one by one. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
}

/** A backend that can also compute in 8-bit integers. */
export interface QuantizingBackend extends Backend {
  /**
   * Finds the ranges of a network's values and judges what comes of them. Layers that lose too much stay in float32.
   *
   * @throws UnsupportedError if nothing of the network can be computed in integers, or if even with the most sensitive
   *   half of its layers in float32 the result is not as near as it has to be
   */
  calibrate(network: Network, options: CalibrationOptions): Promise<Int8Calibration>;
  /**
   * Prepares a network for running in integers.
   *
   * @throws InvalidArgumentError if the calibration is another network's
   */
  loadQuantized(network: Network, calibration: Int8Calibration, options?: LoadOptions): Promise<LoadedNetwork>;
}

/** Whether a backend can compute in 8-bit integers. */
export function isQuantizing(backend: Backend): backend is QuantizingBackend {
  const { calibrate, loadQuantized } = backend as Partial<QuantizingBackend>;
  return typeof calibrate === "function" && typeof loadQuantized === "function";
}

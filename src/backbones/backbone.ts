import type { PreprocessMode } from "../images/preprocess.js";
import type { Topology } from "../network/network.js";

/** A published weights file. */
export interface WeightsFile {
  /** `https:`; of weights that come inside a package, where they lie beside its code (in Node a `file:` URL). */
  readonly url: string;
  /** Name in Keras's cache folder. */
  readonly fileName: string;
  /** Hash as Keras publishes it; absent where it publishes none. */
  readonly hash?: { readonly algorithm: "md5" | "sha256"; readonly hex: string };
  /** Size in bytes, where known. */
  readonly bytes?: number;
  /**
   * The file holds the top's weights also where the network is wanted without top; those are left out. Holds for a file
   * of one's own, given in its place, as well.
   */
  readonly holdsTop?: boolean;
  /** The file lies beside the code of a package, so that a mirror of published files need not have it. */
  readonly inPackage?: boolean;
}

/** What to build of a backbone. */
export interface TopologyOptions {
  /** With the classifier that it was trained with. Keras's `include_top`. */
  readonly includeTop: boolean;
  /** `[height, width]` of the input. */
  readonly imageSize: readonly [number, number];
}

/**
 * A published network: its graph, and everything one has to know to use it rightly. The weights are not in it.
 */
export interface Backbone {
  /** Name as in `keras.applications`, in lower case. */
  readonly name: string;
  /** `[height, width]` that it was trained with. */
  readonly imageSize: readonly [number, number];
  /** Smallest height and width without top. */
  readonly minimumSize: number;
  readonly preprocess: PreprocessMode;
  /** Layer whose values are its features: the last one without top. */
  readonly layer: string;
  /** Builds the graph. @throws InvalidArgumentError if the size is too small, or wrong for the top */
  topology(options: TopologyOptions): Topology;
  /** The published weights; `undefined` if there are none for this choice. */
  weightsFile(options: TopologyOptions): WeightsFile | undefined;
}

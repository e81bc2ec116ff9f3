import type { NdArray } from "../ndarray.js";

/** A picture: a path, the bytes of an image file, a `Blob` or `File`, or pixels `[height, width, 3]`, uint8, RGB. */
export type ImageInput = string | Uint8Array | ArrayBuffer | Blob | NdArray<"uint8">;

/** One picture of a source. */
export interface SourceImage {
  readonly image: ImageInput;
  /** What is stored beside its features and said in errors: for files, the path relative to the source's folder. */
  readonly name: string;
  /** Index into the source's `classLabels`; absent where the source has no classes. */
  readonly label?: number | undefined;
  /**
   * Further numbers by name, such as its weight in training, ones and zeros for several labels, or what a regression is to
   * meet. Training takes them; files of features and pictures do not hold them.
   */
  readonly columns?: Readonly<Record<string, number | readonly number[]>> | undefined;
}

/**
 * Pictures in a fixed order, to be run through once or many times. Any object of this form is a source; the ones that
 * come with the library are `imageFolder` and `imageList`.
 */
export interface ImageSource extends AsyncIterable<SourceImage> {
  /** Number of pictures. */
  readonly length: number;
  /** Names of the classes in label order; empty where there are none. */
  readonly classLabels: readonly string[];
  /**
   * Facts about the pictures that belong beside what is made of them, as the writer's `attributes`; `shardOf` has some.
   * `extractTo` refuses a writer that was made without them, and `writeImages` stores them.
   */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  /**
   * The whole of which this source is a part, as `shardOf` makes one. What is found out from pictures before a job begins,
   * such as a calibration, is found out from those of the whole, so that all parts agree.
   */
  readonly job?: ImageSource | undefined;
}

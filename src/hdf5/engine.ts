import type { DType, NdArray, Shape } from "../ndarray.js";

/** Where an HDF5 file is: a path, its bytes, or a `Blob` or `File` of a browser. */
export type HDF5Source = string | Uint8Array | ArrayBuffer | Blob;

/**
 * Element types of HDF5 datasets. `float16` is read as float32; `string` through `readStrings`; `other` (compound,
 * reference, opaque, ...) is not read by any engine, but a file that holds one can still be listed.
 */
export type HDF5DType = DType | "float16" | "string" | "other";

/** A group or a dataset of an HDF5 file. */
export type HDF5Entry =
  | { readonly kind: "group" }
  | { readonly kind: "dataset"; readonly shape: Shape; readonly dtype: HDF5DType };

/** Value of an attribute: numbers as an array, or strings. A scalar has shape `[]`. */
export type HDF5Attribute =
  | NdArray
  | { readonly dtype: "string"; readonly shape: Shape; readonly data: readonly string[] };

/** Reads HDF5 files through one library. */
export interface HDF5Engine {
  readonly specVersion: 1;
  /** Short name, such as `h5wasm`. */
  readonly name: string;
  /**
   * Opens a file for reading.
   *
   * @throws InvalidDatasetError if it is not an HDF5 file or is truncated
   * @throws FileAccessError if it cannot be read
   */
  open(source: HDF5Source): Promise<HDF5File>;
}

/** An open HDF5 file. Paths are absolute within the file, with or without a leading slash. */
export interface HDF5File {
  /** Names of the members of a group, sorted by code point; empty for a dataset. */
  list(path: string): Promise<readonly string[]>;
  /** What is at a path; `undefined` if there is nothing. */
  stat(path: string): Promise<HDF5Entry | undefined>;
  /**
   * Reads a dataset, or its rows from `start` (included) to `end` (not included).
   * Values have the dataset's own dtype in the machine's byte order; float16 comes as float32.
   *
   * @throws InvalidDatasetError if there is no such dataset, it is too short for the range, or cannot be decoded
   */
  read(path: string, rows?: { readonly start: number; readonly end: number }): Promise<NdArray>;
  /** Reads a dataset of strings, or some of its rows. */
  readStrings(path: string, rows?: { readonly start: number; readonly end: number }): Promise<readonly string[]>;
  /** Names of the attributes of a group or dataset. */
  attributes(path: string): Promise<readonly string[]>;
  /** One attribute; `undefined` if there is none of this name. */
  attribute(path: string, name: string): Promise<HDF5Attribute | undefined>;
  /**
   * Rows of a chunk of a dataset that is stored in chunks, where the engine knows; `undefined` for others. Blocks of
   * rows are then read so that no chunk is decoded twice.
   */
  chunkRows?(path: string): Promise<number | undefined>;
  /** Frees the file. Safe to call twice. */
  close(): Promise<void>;
}

/** An object to be written: a group, or a dataset with its values. */
export interface HDF5Item {
  /** Absolute path; parent groups are made. */
  readonly path: string;
  /** Values of a dataset; absent for a group. */
  readonly data?: NdArray | { readonly dtype: "string"; readonly shape: Shape; readonly data: readonly string[] };
  readonly attributes?: ReadonlyMap<string, HDF5Attribute>;
}

/** An engine that can also write whole files of moderate size, such as Keras models. */
export interface WritableHDF5Engine extends HDF5Engine {
  /**
   * Makes an HDF5 file from items given in order and returns its bytes. `/` may be given for root attributes.
   *
   * @throws UnsupportedError for an item that the engine cannot write
   */
  encode(items: Iterable<HDF5Item>): Promise<Uint8Array>;
}

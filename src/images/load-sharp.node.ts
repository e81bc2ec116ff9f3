import { UnsupportedError } from "../errors.js";

/** Decoded pixels, as sharp gives them. */
export interface RawImage {
  readonly data: Uint8Array;
  readonly info: { readonly width: number; readonly height: number; readonly channels: number };
}

/** The part of sharp that is used here. */
export interface Pipeline {
  autoOrient(): Pipeline;
  removeAlpha(): Pipeline;
  resize(options: {
    readonly width: number;
    readonly height: number;
    readonly fit: "outside";
    readonly kernel: "linear";
    readonly withoutEnlargement: true;
  }): Pipeline;
  pipelineColourspace(name: string): Pipeline;
  toColourspace(name: string): Pipeline;
  raw(options?: { readonly depth: "ushort" }): Pipeline;
  toBuffer(options: { readonly resolveWithObject: true }): Promise<RawImage>;
}

interface SharpOptions {
  readonly ignoreIcc: true;
  readonly failOn: "error";
  readonly limitInputPixels: number;
}

/** Begins the decoding of one picture. */
export type Sharp = (bytes: Uint8Array, options: SharpOptions) => Pipeline;

let loading: Promise<Sharp> | undefined;

/**
 * Loads sharp.
 *
 * @throws UnsupportedError if it is not installed
 */
export async function loadSharp(): Promise<Sharp> {
  loading ??= import("sharp").then((library) => library.default as unknown as Sharp);
  try {
    return await loading;
  } catch (cause) {
    // Not kept: the next call may find it installed.
    loading = undefined;
    throw new UnsupportedError(
      "Cannot decode JPEG, PNG, WebP and TIFF files: the package `sharp` did not load. Install it with `npm install sharp` on this machine, for its processor and system.",
      { cause },
    );
  }
}

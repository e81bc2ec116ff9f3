import { nextTurn } from "../threads/next-turn.node.js";
import { type DecodeOptions, decodeFor } from "./decode-image.js";
import type { DecodeMode } from "./fast-decoding.js";
import type { ImageInput } from "./image-source.js";
import { createResizeInto, type ResizeOptions } from "./resize.js";

/** How every picture of a run is decoded and resized: plain data, which can be sent to a thread. */
export interface PictureSettings extends ResizeOptions, Omit<DecodeOptions, "name" | "signal"> {
  readonly decode?: DecodeMode | undefined;
}

/** One picture that is to be prepared. */
export interface PictureTask {
  readonly image: ImageInput;
  /** What errors call it. */
  readonly name: string;
  /** Where its pixels go: `[height, width, 3]`, RGB, of the size in the settings. */
  readonly target: Uint8Array;
  readonly signal?: AbortSignal | undefined;
}

/** Decodes and resizes pictures, somewhere. */
export interface PicturePreparation {
  /** Makes room for pictures where they can be prepared without a copy. */
  allocate(bytes: number): Uint8Array;
  /** Takes back room that `allocate` made, whole, once nobody reads it or writes to it any more. */
  release(room: Uint8Array): void;
  /**
   * Decodes one picture, resizes it, and puts it where the task says. Calls may overlap.
   *
   * @throws ImageDecodeError, FileAccessError, ShapeMismatchError, InvalidArgumentError, UnsupportedError as `loadImage`
   * @throws ClosedError after `close`
   */
  prepare(task: PictureTask): Promise<void>;
  /** Ends what it runs in. Pictures that are being prepared are rejected with a `ClosedError`. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Prepares pictures in the thread that calls it.
 *
 * @throws InvalidArgumentError if the size or the interpolation is wrong
 */
export function prepareHere(settings: PictureSettings): PicturePreparation {
  const { interpolation = "bilinear", decode = "exact" } = settings;
  const fastFor = decode === "fast" ? settings.size : undefined;
  const resizeInto = createResizeInto({ ...settings, interpolation });
  let lane: Promise<void> = Promise.resolve();
  return {
    allocate: (bytes) => new Uint8Array(bytes),
    release() {},
    async prepare({ image, name, target, signal }) {
      const pixels = await decodeFor(fastFor, image, { ...settings, name, signal });
      // One resize per turn of the event loop: pictures that were decoded at the same moment must not block it in a row.
      lane = lane.then(nextTurn);
      await lane;
      signal?.throwIfAborted();
      resizeInto(pixels, target);
    },
    async close() {},
  };
}

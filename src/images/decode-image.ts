import { ImageDecodeError, InvalidArgumentError, isCnnTransferError, ShapeMismatchError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { checkBoolean, describeValue } from "../options/check-option.js";
import { checkOptions, type OptionNames } from "../options/check-options.js";
import { decodeCompressed } from "./decode-compressed.node.js";
import { DecodeProblem } from "./decode-problem.js";
import { readImageHeader } from "./image-header.js";
import type { ImageInput } from "./image-source.js";
import { readBmp } from "./read-bmp.js";
import { readGif } from "./read-gif.js";
import { readImageFile } from "./read-image-file.node.js";

/** How pictures are decoded. */
export interface DecodeOptions {
  /**
   * Turn the picture upright as its EXIF orientation says. Keras does not, and neither did the training of its networks.
   *
   * @default false
   */
  readonly applyOrientation?: boolean | undefined;
  /**
   * Most pixels (height times width) that are decoded; larger pictures are refused before memory is taken for them.
   *
   * @default 178956970, where Pillow refuses
   */
  readonly maximumPixels?: number | undefined;
  /** What errors call the picture. @default the path, or a description of the bytes */
  readonly name?: string | undefined;
  /** Gives up: the promise rejects with the signal's reason. A decoding that runs already is not interrupted. */
  readonly signal?: AbortSignal | undefined;
}

/** Names of {@link DecodeOptions}. */
export const decodeOptionNames: OptionNames<DecodeOptions> = {
  applyOrientation: true,
  maximumPixels: true,
  name: true,
  signal: true,
};

/** Where Pillow's `DecompressionBombError` starts. */
export const defaultMaximumPixels = 178956970;

/**
 * Decodes a picture to RGB. In Node, the pixels equal those of Keras's `load_img`, that is Pillow's `convert("RGB")`:
 * alpha is dropped without blending, embedded colour profiles are not applied, 16-bit grey is clipped, an animation
 * gives its first picture. Kinds of files: JPEG, PNG, WebP, BMP, GIF, and TIFF of 8-bit grey, palette and RGB. The kind
 * is told by the content, not by the name.
 *
 * @returns `[height, width, 3]`, uint8, RGB. Pixels that are given already are checked and returned as they are
 * @throws ImageDecodeError if the bytes are damaged, truncated, too large or no known kind of image
 * @throws FileAccessError if the file is missing or cannot be read
 * @throws ShapeMismatchError if given pixels are not `[height, width, 3]`
 * @throws InvalidArgumentError if `maximumPixels` or the input is of the wrong type
 *
 * @example
 * const pixels = await decodeImage("cat.jpg");
 * pixels.shape; // [375, 500, 3]
 */
export function decodeImage(input: ImageInput, options: DecodeOptions = {}): Promise<NdArray<"uint8">> {
  checkOptions("decodeImage", options, decodeOptionNames);
  return decodeFor(undefined, input, options);
}

/**
 * As {@link decodeImage}, where the picture is going to be resized.
 *
 * @param fastFor `[height, width]` that it is going to have, if the JPEG decoder may make it smaller; its size stays at
 *   least twice that
 */
export async function decodeFor(
  fastFor: readonly [number, number] | undefined,
  input: ImageInput,
  options: DecodeOptions,
): Promise<NdArray<"uint8">> {
  const { applyOrientation = false, maximumPixels = defaultMaximumPixels, signal } = options;
  signal?.throwIfAborted();
  if (!Number.isSafeInteger(maximumPixels) || maximumPixels < 1) {
    throw new InvalidArgumentError(
      `Cannot decode: \`maximumPixels\` is ${maximumPixels}, expected a positive integer such as ${defaultMaximumPixels}.`,
    );
  }
  checkBoolean("applyOrientation", applyOrientation);
  if (isPixels(input)) return checkPixels(input, options.name);
  const name = options.name ?? describe(input);
  const bytes = await bytesOf(input, name, options.name !== undefined, signal);
  signal?.throwIfAborted();
  const checkSize = (width: number, height: number): void => {
    if (width * height > maximumPixels) {
      throw new DecodeProblem(
        `it has ${height} x ${width} = ${height * width} pixels, \`maximumPixels\` allows ${maximumPixels}`,
      );
    }
  };
  try {
    if (bytes.length === 0) throw new DecodeProblem("the file is empty");
    const header = readImageHeader(bytes);
    if (header === undefined) {
      throw new DecodeProblem("it is not a JPEG, PNG, WebP, BMP, GIF or TIFF file");
    }
    checkSize(header.width ?? 0, header.height ?? 0);
    if (header.format === "bmp") return readBmp(bytes, checkSize);
    if (header.format === "gif") return readGif(bytes, checkSize);
    const pixels = await decodeCompressed(bytes, { header, applyOrientation, maximumPixels, fastFor });
    signal?.throwIfAborted();
    return pixels;
  } catch (error) {
    if (!(error instanceof DecodeProblem)) throw error;
    throw new ImageDecodeError(name, error.message, { cause: error.cause ?? error });
  }
}

function isPixels(input: ImageInput): input is NdArray<"uint8"> {
  return typeof input === "object" && input !== null && "dtype" in input && "shape" in input;
}

function checkPixels(pixels: NdArray<"uint8">, name: string | undefined): NdArray<"uint8"> {
  const [height, width, channels] = pixels.shape;
  const fits = height !== undefined && width !== undefined && height > 0 && width > 0;
  if (
    pixels.dtype !== "uint8" ||
    pixels.shape.length !== 3 ||
    channels !== 3 ||
    !fits ||
    pixels.data.length !== height * width * 3
  ) {
    throw new ShapeMismatchError(
      `Cannot take ${name === undefined ? "an image" : `"${name}"`} given as pixels: expected uint8 of shape [height, width, 3], received ${pixels.dtype} of shape [${pixels.shape.join(", ")}] with ${pixels.data.length} values.`,
      { expected: [null, null, 3], received: pixels.shape },
    );
  }
  return pixels;
}

async function bytesOf(
  input: Exclude<ImageInput, NdArray<"uint8">>,
  name: string,
  isNamed: boolean,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const url = urlOf(input);
  if (url !== undefined) {
    throw new InvalidArgumentError(
      `Cannot decode "${url}": URLs are not fetched. ${/^file:/i.test(url) ? "Pass the path instead, as `fileURLToPath(url)` gives it." : "Fetch it and pass the bytes, such as `await (await fetch(url)).blob()`."}`,
    );
  }
  if (typeof input === "string") return readImageFile(input, signal);
  if (input instanceof Uint8Array) return input;
  if (input instanceof ArrayBuffer) return new Uint8Array(input);
  if (typeof Blob === "function" && input instanceof Blob) {
    try {
      return new Uint8Array(await input.arrayBuffer());
    } catch (cause) {
      if (isCnnTransferError(cause)) throw cause;
      throw new ImageDecodeError(name, "its bytes could not be read", { cause });
    }
  }
  throw new InvalidArgumentError(
    `${isNamed ? `"${name}"` : "`input`"} is ${describeValue(input)}: expected a picture, which is a path, the bytes of an image file (Uint8Array or ArrayBuffer), a Blob, or uint8 pixels of shape [height, width, 3].`,
  );
}

/** An input that is a URL, as text; one letter before the colon is a drive of Windows. */
function urlOf(input: unknown): string | undefined {
  if (input instanceof URL) return input.href.slice(0, 200);
  const isUrl = typeof input === "string" && /^([a-z][a-z0-9+.-]+:\/\/|data:[a-z]+\/|blob:|file:\/)/i.test(input);
  return isUrl ? input.slice(0, 200) : undefined;
}

function describe(input: Exclude<ImageInput, NdArray<"uint8">>): string {
  if (typeof input === "string") return input;
  if (typeof Blob === "function" && input instanceof Blob) {
    return "name" in input && typeof input.name === "string" ? input.name : `a blob of ${input.size} bytes`;
  }
  return input instanceof Uint8Array || input instanceof ArrayBuffer ? `${input.byteLength} bytes` : "an image";
}

import { InvalidArgumentError, isCnnTransferError } from "../errors.js";
import { decodeImage } from "../images/decode-image.js";
import type { ImageInput } from "../images/image-source.js";
import { resizeImage } from "../images/resize.js";
import { checkOptions } from "../options/check-options.js";
import { encodeJPEG } from "./rasterize.node.js";

/** A small picture as a `data:` URI, or the words that stand in its place. */
export type Thumbnail = { readonly dataURI: string } | { readonly missing: string };

const embeddable = /^data:image\/(?:jpeg|png|webp|gif);base64,[A-Za-z0-9+/]+=*$/;

/**
 * Makes a picture small enough to stand in a page, whole and with its own proportions, as a JPEG in a `data:` URI.
 *
 * @param options.size pixels of the longer side, at most @default 160
 * @throws ImageDecodeError, FileAccessError, ShapeMismatchError as `decodeImage`
 * @throws InvalidArgumentError if `size` is not in 8..2048
 * @throws UnsupportedError if sharp is not installed
 */
export async function thumbnail(
  image: ImageInput,
  options: { readonly size?: number | undefined } = {},
): Promise<string> {
  checkOptions("thumbnail", options, { size: true });
  const { size = 160 } = options;
  if (!Number.isInteger(size) || size < 8 || size > 2048) {
    throw new InvalidArgumentError(`\`size\` is ${size}: expected an integer from 8 to 2048.`);
  }
  const pixels = await decodeImage(image);
  const [height = 1, width = 1] = pixels.shape;
  const scale = Math.min(1, size / Math.max(height, width));
  const side = (length: number) => Math.max(1, Math.round(length * scale));
  const small = scale < 1 ? resizeImage(pixels, { size: [side(height), side(width)] }) : pixels;
  return `data:image/jpeg;base64,${toBase64(await encodeJPEG(small))}`;
}

/** The same, with the reason in its place for a picture that cannot be read. */
export async function thumbnailOrReason(image: ImageInput, size: number | undefined): Promise<Thumbnail> {
  try {
    return { dataURI: await thumbnail(image, { size }) };
  } catch (error) {
    if (isCnnTransferError(error, "ImageDecodeError")) return { missing: error.reason };
    if (isCnnTransferError(error, "FileAccessError")) return { missing: `the file cannot be read: ${error.reason}` };
    throw error;
  }
}

/** @throws InvalidArgumentError if a text is not the `data:` URI of a picture: anything else could reach out of a page */
export function checkDataURI(text: string): string {
  if (embeddable.test(text)) return text;
  throw new InvalidArgumentError(
    `"${text.slice(0, 40)}" is not a picture that can stand in a page: expected "data:image/jpeg;base64,..." (or png, webp, gif), as \`thumbnail\` gives it.`,
  );
}

function toBase64(bytes: Uint8Array): string {
  let text = "";
  // In parts: all at once, the arguments would not fit on the stack.
  for (let start = 0; start < bytes.length; start += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  }
  return btoa(text);
}

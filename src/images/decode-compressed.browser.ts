import { UnsupportedError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { DecodeProblem } from "./decode-problem.js";
import type { DecodeRequest } from "./decode-request.js";

const types = { jpeg: "image/jpeg", png: "image/png", webp: "image/webp" } as const;

/**
 * Decodes JPEG, PNG and WebP with the browser's own decoder. Its JPEG pixels may differ from Pillow's by rounding, and
 * where an image is partly transparent a canvas does not keep colours exactly. Refused are what a browser would show in
 * other colours than Pillow: CMYK and 16-bit grey.
 *
 * @returns `[height, width, 3]`, RGB
 * @throws DecodeProblem if the file is damaged or of a kind that is refused
 * @throws UnsupportedError if there is no `createImageBitmap` or `OffscreenCanvas`
 */
export async function decodeCompressed(bytes: Uint8Array, request: DecodeRequest): Promise<NdArray<"uint8">> {
  const { header } = request;
  if (typeof createImageBitmap !== "function" || typeof OffscreenCanvas !== "function") {
    throw new UnsupportedError(
      "Cannot decode images: this environment has no `createImageBitmap` and `OffscreenCanvas`. Pass decoded pixels of shape [height, width, 3].",
    );
  }
  if (header.format !== "jpeg" && header.format !== "png" && header.format !== "webp") {
    throw new DecodeProblem(`browsers do not decode ${header.format.toUpperCase()}; save it as PNG`);
  }
  if (header.format === "jpeg" && header.channels === 4) {
    throw new DecodeProblem("browsers show CMYK pictures through a colour profile; save it as RGB");
  }
  if (header.format === "png" && header.bitDepth === 16 && header.channels === 1) {
    throw new DecodeProblem("browsers scale 16-bit grey where Pillow clips it; save it with 8 bits");
  }
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes.slice()], { type: types[header.format] }), {
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
      // "none" is what old browsers call taking the pixels as stored; the types of the DOM no longer list it.
      imageOrientation: (request.applyOrientation ? "from-image" : "none") as ImageOrientation,
    });
  } catch (cause) {
    throw new DecodeProblem(cause instanceof Error ? cause.message : String(cause), { cause });
  }
  const { width, height } = bitmap;
  try {
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    if (context === null) throw new UnsupportedError("Cannot decode images: this browser gave no 2D canvas.");
    context.drawImage(bitmap, 0, 0);
    return {
      dtype: "uint8",
      shape: [height, width, 3],
      data: dropAlpha(context.getImageData(0, 0, width, height).data),
    };
  } finally {
    bitmap.close();
  }
}

function dropAlpha(rgba: Uint8ClampedArray): Uint8Array {
  const pixels = new Uint8Array((rgba.length / 4) * 3);
  let out = 0;
  for (let index = 0; index < rgba.length; index += 4) {
    pixels[out++] = rgba[index] as number;
    pixels[out++] = rgba[index + 1] as number;
    pixels[out++] = rgba[index + 2] as number;
  }
  return pixels;
}

import type { NdArray } from "../ndarray.js";
import { cmykToRGB } from "./cmyk.js";
import { DecodeProblem } from "./decode-problem.js";
import type { DecodeRequest } from "./decode-request.js";
import { fastDecodingSize } from "./fast-decoding.js";
import { loadSharp, type Pipeline, type RawImage } from "./load-sharp.node.js";
import { checkTiff } from "./tiff-header.js";

/**
 * Decodes JPEG, PNG, WebP and TIFF with sharp to the pixels of Pillow's `convert("RGB")`: embedded colour profiles are
 * not applied, alpha is dropped without blending, CMYK is turned to RGB by Pillow's formula, 16-bit grey is clipped.
 *
 * @returns `[height, width, 3]`, RGB
 * @throws DecodeProblem if the file is damaged or of a kind that cannot be decoded exactly
 * @throws UnsupportedError if sharp is not installed
 */
export async function decodeCompressed(bytes: Uint8Array, request: DecodeRequest): Promise<NdArray<"uint8">> {
  const sharp = await loadSharp();
  const { header } = request;
  try {
    let pipeline = sharp(bytes, { ignoreIcc: true, failOn: "error", limitInputPixels: request.maximumPixels });
    if (header.format === "tiff") checkTiff(bytes);
    // Pillow turns TIFF files upright without being asked.
    if (request.applyOrientation || header.format === "tiff") pipeline = pipeline.autoOrient();
    if (header.format === "jpeg" && header.channels === 4) {
      const raw = await read(pipeline.pipelineColourspace("cmyk").toColourspace("cmyk").raw(), 4);
      // Both libvips and Pillow take all such files as inverted, with Adobe's mark or without.
      return image(raw, cmykToRGB(raw.data));
    }
    if (header.format === "png" && header.bitDepth === 16 && header.channels === 1) {
      const raw = await read(
        pipeline.removeAlpha().pipelineColourspace("grey16").toColourspace("grey16").raw({ depth: "ushort" }),
        1,
        2,
      );
      return image(raw, clippedGrey(raw.data));
    }
    const fastSize = request.fastFor && fastDecodingSize(header, request.fastFor, request.applyOrientation);
    if (fastSize !== undefined) {
      const [height, width] = fastSize;
      pipeline = pipeline.resize({ height, width, fit: "outside", kernel: "linear", withoutEnlargement: true });
    }
    const raw = await read(pipeline.removeAlpha().toColourspace("srgb").raw(), 3);
    return image(raw, new Uint8Array(raw.data.buffer, raw.data.byteOffset, raw.data.byteLength));
  } catch (cause) {
    if (cause instanceof DecodeProblem) throw cause;
    throw new DecodeProblem(reasonOf(cause), { cause });
  }
}

async function read(pipeline: Pipeline, channels: number, bytesPerChannel = 1): Promise<RawImage> {
  const raw = await pipeline.toBuffer({ resolveWithObject: true });
  const { info, data } = raw;
  if (info.channels !== channels || data.length !== info.width * info.height * channels * bytesPerChannel) {
    throw new DecodeProblem(
      `sharp gave ${info.channels} channels and ${data.length} bytes for ${info.width} x ${info.height} pixels of ${channels} channels`,
    );
  }
  return raw;
}

function image(raw: RawImage, data: Uint8Array): NdArray<"uint8"> {
  return { dtype: "uint8", shape: [raw.info.height, raw.info.width, 3], data };
}

/** 16-bit grey as Pillow converts it: values above 255 become 255. */
function clippedGrey(data: Uint8Array): Uint8Array {
  const values = new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
  const pixels = new Uint8Array(values.length * 3);
  for (let index = 0; index < values.length; index++) {
    const grey = Math.min(values[index] as number, 255);
    pixels.fill(grey, index * 3, index * 3 + 3);
  }
  return pixels;
}

/** The first line of sharp's message, which may go on with advice about other formats. */
function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const [line = ""] = message.split("\n");
  if (/pixel limit/i.test(line)) return "it has more pixels than `maximumPixels` allows";
  return line === "" || line === "Unknown error" ? "its data are damaged" : line;
}

import { InvalidArgumentError, UnsupportedError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { checkText } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";

/** The part of sharp that is used here. */
interface Pipeline {
  png(): Pipeline;
  jpeg(options: { readonly quality: number }): Pipeline;
  toBuffer(): Promise<Uint8Array>;
}

interface SharpOptions {
  readonly density?: number;
  readonly raw?: { readonly width: number; readonly height: number; readonly channels: 3 };
  readonly limitInputPixels?: number;
}

type Sharp = (bytes: Uint8Array, options: SharpOptions) => Pipeline;

const jpegQuality = 82;
/** Dots per inch at which a pixel of an SVG is a pixel. */
const screenDensity = 72;

async function loadSharp(does: string): Promise<Sharp> {
  try {
    const library = await import("sharp");
    return library.default as unknown as Sharp;
  } catch (cause) {
    throw new UnsupportedError(
      `Cannot ${does}: the package \`sharp\` did not load. Install it with \`npm install sharp\` on this machine, for its processor and system.`,
      { cause },
    );
  }
}

/**
 * Draws an SVG of this library as a PNG file, in its light colours and with the machine's fonts.
 *
 * @param options.scale pixels of the PNG for one of the SVG @default 2
 * @throws InvalidArgumentError if `scale` is not in 0.1..16, or the text is no SVG that can be drawn
 * @throws UnsupportedError if sharp is not installed
 *
 * @example
 * await writeFile("history.png", await svgToPNG(plotHistory(head.history)));
 */
export async function svgToPNG(
  svg: string,
  options: { readonly scale?: number | undefined } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  checkOptions("svgToPNG", options, { scale: true });
  checkText("svg", svg, "the text of an SVG document");
  const { scale = 2 } = options;
  if (!(scale >= 0.1 && scale <= 16)) {
    throw new InvalidArgumentError(`\`scale\` is ${scale}: expected a number from 0.1 to 16.`);
  }
  const sharp = await loadSharp("draw a PNG");
  try {
    const density = screenDensity * scale;
    const png = await sharp(new TextEncoder().encode(svg), { density, limitInputPixels: 2 ** 28 })
      .png()
      .toBuffer();
    return new Uint8Array(png);
  } catch (cause) {
    throw new InvalidArgumentError(
      `Cannot draw the SVG as a PNG: ${cause instanceof Error ? cause.message : String(cause)}. Pass what a \`plot\` function gave, and a smaller \`scale\` if it is too large.`,
      { cause },
    );
  }
}

/**
 * Pixels `[height, width, 3]` as the bytes of a JPEG file.
 *
 * @throws UnsupportedError if sharp is not installed
 */
export async function encodeJPEG({ data, shape }: NdArray<"uint8">): Promise<Uint8Array> {
  const sharp = await loadSharp("write a JPEG");
  const [height = 0, width = 0] = shape;
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: jpegQuality })
    .toBuffer();
}

import { UnsupportedError } from "../errors.js";
import type { NdArray } from "../ndarray.js";

/** A browser draws SVG by itself. @throws UnsupportedError always, saying what to do */
export async function svgToPNG(
  _svg: string,
  _options: { readonly scale?: number | undefined } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  throw new UnsupportedError(
    "Cannot draw a PNG here: that needs sharp, which runs on Node. In a browser set the SVG as the source of an `Image`, and draw that on a canvas.",
  );
}

/** @throws UnsupportedError always, saying what to do */
export async function encodeJPEG(_pixels: NdArray<"uint8">): Promise<Uint8Array> {
  throw new UnsupportedError(
    "Cannot write a JPEG here: that needs sharp, which runs on Node. In a browser draw the picture on a canvas, and take its `toDataURL`.",
  );
}

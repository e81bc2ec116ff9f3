import { checkOneOf } from "../options/check-option.js";
import type { ImageHeader } from "./image-header.js";

/**
 * How files become pixels: `"exact"` gives Pillow's bytes; `"fast"` lets the JPEG decoder make large photographs smaller
 * while it decodes, which gives slightly different ones.
 */
export type DecodeMode = "exact" | "fast";

/** @throws InvalidArgumentError if it is no {@link DecodeMode} */
export function checkDecodeMode(mode: unknown): asserts mode is DecodeMode {
  checkOneOf("decode", mode, ["exact", "fast"]);
}

/** The wanted size times this is what fast decoding leaves to Pillow's resizing, which so stays what decides on the pixels. */
const margin = 2;

/** Photographs are decoded fast from this many times the intermediate size on: where sharp takes every second pixel or less. */
const leastReduction = 3;

/**
 * `[height, width]` that a picture is brought to while it is decoded, before it is resized to `size`: the smallest of its
 * aspect ratio that is nowhere below twice `size`. `undefined` if it is no JPEG, or too small to gain by it.
 *
 * @param isTurned whether height and width may be exchanged in what is decoded
 */
export function fastDecodingSize(
  header: ImageHeader,
  size: readonly [number, number],
  isTurned: boolean,
): readonly [number, number] | undefined {
  const { format, width = 0, height = 0, channels } = header;
  // CMYK goes through another way of decoding, which has no down-scaling.
  if (format !== "jpeg" || channels === 4) return undefined;
  const wanted = [size[0] * margin, size[1] * margin] as const;
  const reduction = Math.min(height / wanted[0], width / wanted[1]);
  const turned = isTurned ? Math.min(width / wanted[0], height / wanted[1]) : reduction;
  return Math.min(reduction, turned) >= leastReduction ? wanted : undefined;
}

import type { NdArray } from "../ndarray.js";
import { DecodeProblem } from "./decode-problem.js";
import { decodeLzw } from "./lzw.js";

/** The first picture of a GIF: where it lies on the canvas, and how to read it. */
interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly interlaced: boolean;
  /** Palette index that is transparent, which fills the canvas around the picture. */
  readonly transparent: number | undefined;
  /** RGB of each index, own or the file's; `undefined` where Pillow takes the index as grey. */
  readonly palette: Uint8Array | undefined;
  /** Where the bits per colour are, followed by the compressed data. */
  readonly dataStart: number;
}

/**
 * Reads the first picture of a GIF to RGB as Pillow's `convert("RGB")` does: transparent pixels keep their palette's
 * colour, and nothing is blended.
 *
 * Format: GIF89a.
 *
 * @param checkSize is told the size before memory for the pixels is taken, and throws if it is too large
 * @throws DecodeProblem
 */
export function readGif(bytes: Uint8Array, checkSize: (width: number, height: number) => void): NdArray<"uint8"> {
  if (bytes.length < 13) throw new DecodeProblem("the file is truncated");
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frame = readFrame(bytes, data);
  // A picture that is larger than the canvas makes the canvas larger.
  const width = Math.max(data.getUint16(6, true), frame.left + frame.width);
  const height = Math.max(data.getUint16(8, true), frame.top + frame.height);
  if (frame.width < 1 || frame.height < 1) throw new DecodeProblem(`its size is ${frame.width} x ${frame.height}`);
  checkSize(width, height);

  const indices = decodeLzw(bytes, frame.dataStart, frame.width * frame.height);
  const canvas = new Uint8Array(width * height).fill(frame.transparent ?? 0);
  const rows = frame.interlaced ? interlacedRows(frame.height) : undefined;
  for (let row = 0; row < frame.height; row++) {
    const y = frame.top + (rows === undefined ? row : (rows[row] as number));
    canvas.set(indices.subarray(row * frame.width, (row + 1) * frame.width), y * width + frame.left);
  }

  const { palette } = frame;
  const pixels = new Uint8Array(width * height * 3);
  for (let index = 0; index < canvas.length; index++) {
    const colour = canvas[index] as number;
    pixels[index * 3] = palette === undefined ? colour : (palette[colour * 3] as number);
    pixels[index * 3 + 1] = palette === undefined ? colour : (palette[colour * 3 + 1] as number);
    pixels[index * 3 + 2] = palette === undefined ? colour : (palette[colour * 3 + 2] as number);
  }
  return { dtype: "uint8", shape: [height, width, 3], data: pixels };
}

function readFrame(bytes: Uint8Array, data: DataView): Frame {
  const flags = data.getUint8(10);
  let position = 13;
  let palette: Uint8Array | undefined;
  if (flags & 0x80) {
    const length = 3 << ((flags & 7) + 1);
    palette = usefulPalette(bytes, position, length);
    position += length;
  }
  let transparent: number | undefined;
  while (position < bytes.length) {
    const kind = bytes[position++];
    if (kind === 0x3b) break;
    if (kind === 0x21) {
      const isControl = bytes[position] === 0xf9 && (bytes[position + 1] ?? 0) >= 4;
      if (isControl && (bytes[position + 2] as number) & 1) transparent = bytes[position + 5];
      position = skipBlocks(bytes, position + 1);
    } else if (kind === 0x2c) {
      if (position + 10 > bytes.length) throw new DecodeProblem("the file is truncated");
      const frameFlags = data.getUint8(position + 8);
      let dataStart = position + 9;
      if (frameFlags & 0x80) {
        const length = 3 << ((frameFlags & 7) + 1);
        palette = usefulPalette(bytes, dataStart, length) ?? palette;
        dataStart += length;
      }
      return {
        left: data.getUint16(position, true),
        top: data.getUint16(position + 2, true),
        width: data.getUint16(position + 4, true),
        height: data.getUint16(position + 6, true),
        interlaced: (frameFlags & 0x40) !== 0,
        transparent,
        palette,
        dataStart,
      };
    }
  }
  throw new DecodeProblem("it contains no picture");
}

/** Skips a chain of data blocks and the empty block that ends it. */
function skipBlocks(bytes: Uint8Array, start: number): number {
  let position = start;
  while (position < bytes.length) {
    const length = bytes[position] as number;
    position += 1 + length;
    if (length === 0) break;
  }
  return position;
}

/** 256 colours of a palette; `undefined` for one that holds greys in order, which Pillow treats as having none. */
function usefulPalette(bytes: Uint8Array, start: number, length: number): Uint8Array | undefined {
  if (start + length > bytes.length) throw new DecodeProblem("the file is truncated");
  const palette = new Uint8Array(256 * 3);
  palette.set(bytes.subarray(start, start + length));
  for (let index = 0; index < length; index++) {
    if (palette[index] !== Math.floor(index / 3)) return palette;
  }
  return undefined;
}

/** Rows in the order that an interlaced GIF stores them: every 8th, the 8ths between, the 4ths between, the odd ones. */
function interlacedRows(height: number): Int32Array {
  const rows = new Int32Array(height);
  let stored = 0;
  for (const [first, step] of [
    [0, 8],
    [4, 8],
    [2, 4],
    [1, 2],
  ] as const) {
    for (let row = first; row < height; row += step) rows[stored++] = row;
  }
  return rows;
}

import type { NdArray } from "../ndarray.js";
import { DecodeProblem } from "./decode-problem.js";

/** Where one channel of a 16 or 32 bit pixel is, and how many bits it has. */
interface Channel {
  readonly shift: number;
  readonly bits: number;
}

interface BmpLayout {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  /** Rows are stored from the top down. */
  readonly topDown: boolean;
  /** Where the pixels start. */
  readonly offset: number;
  /** RGB for each index, of files with up to 8 bits. */
  readonly palette: Uint8Array | undefined;
  /** Red, green, blue of files with 16 or 32 bits. */
  readonly channels: readonly [Channel, Channel, Channel] | undefined;
}

const infoHeaderSizes: readonly number[] = [40, 52, 56, 64, 108, 124];

/** Layouts of colours within a pixel that Pillow reads, and so are read here: masks of red, green, blue, alpha. */
const masks32: readonly (readonly number[])[] = [
  [0xff0000, 0xff00, 0xff, 0],
  [0xff000000, 0xff0000, 0xff00, 0],
  [0xff000000, 0xff00, 0xff, 0],
  [0xff000000, 0xff0000, 0xff00, 0xff],
  [0xff, 0xff00, 0xff0000, 0xff000000],
  [0xff0000, 0xff00, 0xff, 0xff000000],
  [0xff000000, 0xff00, 0xff, 0xff0000],
];
const masks16: readonly (readonly number[])[] = [
  [0xf800, 0x7e0, 0x1f],
  [0x7c00, 0x3e0, 0x1f],
];

/**
 * Reads an uncompressed Windows bitmap with 1, 4, 8, 16, 24 or 32 bits per pixel to RGB, with the colours that Pillow
 * shows. Run-length compressed ones, and bitmaps that wrap a JPEG or PNG, are refused.
 *
 * Format: Windows GDI, BITMAPCOREHEADER to BITMAPV5HEADER.
 *
 * @param checkSize is told the size before memory for the pixels is taken, and throws if it is too large
 * @throws DecodeProblem
 */
export function readBmp(bytes: Uint8Array, checkSize: (width: number, height: number) => void): NdArray<"uint8"> {
  const layout = readLayout(bytes);
  const { width, height, bits } = layout;
  if (width < 1 || height < 1) throw new DecodeProblem(`its size is ${width} x ${height}`);
  checkSize(width, height);
  const stride = Math.floor((width * bits + 31) / 32) * 4;
  const rowBytes = Math.ceil((width * bits) / 8);
  if (layout.offset + stride * (height - 1) + rowBytes > bytes.length) throw new DecodeProblem("the file is truncated");
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const start = layout.offset + stride * (layout.topDown ? y : height - 1 - y);
    readRow(bytes.subarray(start, start + rowBytes), layout, pixels, y * width * 3);
  }
  return { dtype: "uint8", shape: [height, width, 3], data: pixels };
}

function readLayout(bytes: Uint8Array): BmpLayout {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 26) throw new DecodeProblem("the file is truncated");
  const headerSize = data.getUint32(14, true);
  const isCore = headerSize === 12;
  if (!isCore && !infoHeaderSizes.includes(headerSize)) {
    throw new DecodeProblem(`its bitmap header has ${headerSize} bytes, which is no known kind`);
  }
  if (bytes.length < 14 + headerSize) throw new DecodeProblem("the file is truncated");
  const storedHeight = isCore ? data.getUint16(20, true) : data.getInt32(22, true);
  const bits = data.getUint16(isCore ? 24 : 28, true);
  if (![1, 4, 8, 16, 24, 32].includes(bits)) throw new DecodeProblem(`it has ${bits} bits per pixel`);
  const compression = isCore ? 0 : data.getUint32(30, true);
  if (compression !== 0 && compression !== 3) {
    throw new DecodeProblem(`it is a compressed bitmap (method ${compression}); save it uncompressed or as PNG`);
  }
  let offset = data.getUint32(10, true);
  const entryBytes = isCore ? 3 : 4;
  const colours = (isCore ? 0 : data.getUint32(46, true)) || 2 ** bits;
  const paletteStart = 14 + headerSize;
  let palette: Uint8Array | undefined;
  if (bits <= 8) {
    if (colours > 65536) throw new DecodeProblem(`its palette has ${colours} colours`);
    // Some writers point to the palette instead of the pixels after it.
    if (offset === paletteStart) offset += entryBytes * colours;
    palette = readPalette(bytes.subarray(paletteStart, paletteStart + entryBytes * colours), entryBytes, bits);
  }
  return {
    width: isCore ? data.getUint16(18, true) : data.getInt32(18, true),
    height: Math.abs(storedHeight),
    bits,
    topDown: storedHeight < 0,
    offset,
    palette,
    channels: bits === 16 || bits === 32 ? readChannels(data, bits, compression, headerSize) : undefined,
  };
}

/**
 * RGB of 256 indices; those past the palette's end are black. Only where 8-bit files list greys in order, Pillow takes
 * all indices as grey.
 */
function readPalette(stored: Uint8Array, entryBytes: number, bits: number): Uint8Array {
  const palette = new Uint8Array(256 * 3);
  const colours = Math.min(256, Math.floor(stored.length / entryBytes));
  for (let index = 0; index < colours; index++) {
    palette[index * 3] = stored[index * entryBytes + 2] as number;
    palette[index * 3 + 1] = stored[index * entryBytes + 1] as number;
    palette[index * 3 + 2] = stored[index * entryBytes] as number;
  }
  const isRamp = palette.subarray(0, colours * 3).every((value, at) => value === Math.floor(at / 3));
  return bits === 8 && isRamp ? palette.map((_, at) => Math.floor(at / 3)) : palette;
}

function readChannels(
  data: DataView,
  bits: number,
  compression: number,
  headerSize: number,
): readonly [Channel, Channel, Channel] {
  if (compression === 0) {
    if (bits === 16) return [channel(0x7c00), channel(0x3e0), channel(0x1f)];
    return [channel(0xff0000), channel(0xff00), channel(0xff)];
  }
  if (data.byteLength < 66) throw new DecodeProblem("the file is truncated");
  const found = [data.getUint32(54, true), data.getUint32(58, true), data.getUint32(62, true)] as const;
  // Headers before version 3 have no place for a mask of alpha.
  const alpha = headerSize >= 56 ? data.getUint32(66, true) : 0;
  if (bits === 32 && [...found, alpha].every((mask) => mask === 0)) {
    return [channel(0xff0000), channel(0xff00), channel(0xff)];
  }
  const wanted = bits === 16 ? found : [...found, alpha];
  const known = bits === 16 ? masks16 : masks32;
  if (!known.some((masks) => masks.every((mask, index) => mask === wanted[index]))) {
    throw new DecodeProblem("its colours have a layout that is not read; save it with 24 bits per pixel");
  }
  return [channel(found[0]), channel(found[1]), channel(found[2])];
}

function channel(mask: number): Channel {
  const shift = 31 - Math.clz32(mask & -mask);
  return { shift, bits: 32 - Math.clz32(mask >>> shift) };
}

function readRow(row: Uint8Array, layout: BmpLayout, pixels: Uint8Array, start: number): void {
  const { width, bits, palette, channels } = layout;
  let out = start;
  for (let x = 0; x < width; x++) {
    if (palette !== undefined) {
      const bit = x * bits;
      const index = ((row[bit >> 3] as number) >> (8 - bits - (bit & 7))) & ((1 << bits) - 1);
      pixels[out++] = palette[index * 3] as number;
      pixels[out++] = palette[index * 3 + 1] as number;
      pixels[out++] = palette[index * 3 + 2] as number;
    } else if (channels !== undefined) {
      const at = (x * bits) >> 3;
      let value = (row[at] as number) | ((row[at + 1] as number) << 8);
      if (bits === 32) value |= ((row[at + 2] as number) << 16) | ((row[at + 3] as number) << 24);
      for (const { shift, bits: depth } of channels) {
        const most = (1 << depth) - 1;
        pixels[out++] = Math.trunc((((value >>> shift) & most) * 255) / most);
      }
    } else {
      pixels[out++] = row[x * 3 + 2] as number;
      pixels[out++] = row[x * 3 + 1] as number;
      pixels[out++] = row[x * 3] as number;
    }
  }
}

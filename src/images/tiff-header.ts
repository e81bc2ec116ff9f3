import { DecodeProblem } from "./decode-problem.js";

/** Tags of TIFF 6.0 that decide whether a file can be decoded to Pillow's pixels. */
const tags = {
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  stripOffsets: 273,
  stripBytes: 279,
  tileOffsets: 324,
  tileBytes: 325,
  sampleFormat: 339,
} as const;

const bytesOfType: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4 };

/** Photometric interpretations: white is 0, black is 0, RGB, palette. */
const plainPhotometrics: readonly number[] = [0, 1, 2, 3];
const yCbCr = 6;
const jpegCompression = 7;

/**
 * Makes sure that the first picture of a TIFF is of a kind whose pixels equal Pillow's, and that all of its data are
 * there, which sharp does not check.
 *
 * @throws DecodeProblem for samples other than 1 or 8 bits, colour spaces other than grey, palette and RGB, and files
 *   that are cut short
 */
export function checkTiff(bytes: Uint8Array): void {
  const directory = readDirectory(bytes);
  const first = (tag: number, absent: number): number => directory.get(tag)?.[0] ?? absent;
  const bits = directory.get(tags.bitsPerSample) ?? [1];
  const photometric = first(tags.photometric, -1);
  const isJpeg = first(tags.compression, 1) === jpegCompression && photometric === yCbCr;
  if (!plainPhotometrics.includes(photometric) && !isJpeg) {
    throw new DecodeProblem(`it is a TIFF of colour space ${photometric}; save it as RGB or as PNG`);
  }
  if (!bits.every((depth) => depth === 8) && !(bits.length === 1 && bits[0] === 1)) {
    throw new DecodeProblem(`it is a TIFF of ${bits.join("+")} bits per pixel; save it with 8 bits, or as PNG`);
  }
  if (first(tags.sampleFormat, 1) !== 1) {
    throw new DecodeProblem("it is a TIFF of signed or fractional numbers; save it with 8 bits, or as PNG");
  }
  const offsets = directory.get(tags.stripOffsets) ?? directory.get(tags.tileOffsets);
  const lengths = directory.get(tags.stripBytes) ?? directory.get(tags.tileBytes);
  if (offsets === undefined || lengths === undefined || offsets.length !== lengths.length) {
    throw new DecodeProblem("its directory does not say where the pixels are");
  }
  if (offsets.some((offset, index) => offset + (lengths[index] as number) > bytes.length)) {
    throw new DecodeProblem("the file is truncated");
  }
}

/** Whole-number entries of the first directory. */
function readDirectory(bytes: Uint8Array): ReadonlyMap<number, readonly number[]> {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  const entries = new Map<number, readonly number[]>();
  try {
    const start = data.getUint32(4, little);
    const count = data.getUint16(start, little);
    for (let index = 0; index < count; index++) {
      const entry = start + 2 + index * 12;
      const type = data.getUint16(entry + 2, little);
      const length = data.getUint32(entry + 4, little);
      const size = bytesOfType[type];
      if (size === undefined || length * size > bytes.length) continue;
      const at = length * size <= 4 ? entry + 8 : data.getUint32(entry + 8, little);
      const read = (position: number): number =>
        size === 1
          ? data.getUint8(position)
          : size === 2
            ? data.getUint16(position, little)
            : data.getUint32(position, little);
      entries.set(
        data.getUint16(entry, little),
        Array.from({ length }, (_, item) => read(at + item * size)),
      );
    }
  } catch (cause) {
    // A DataView refuses positions past the end with a RangeError.
    throw new DecodeProblem("the file is truncated", { cause });
  }
  return entries;
}

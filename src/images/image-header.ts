/** Kinds of image files that are recognised by their first bytes, whatever the file is called. */
export type ImageFormat = "jpeg" | "png" | "gif" | "bmp" | "webp" | "tiff";

/** What the first bytes of an image file say. Sizes are absent where they are not near the start of the file. */
export interface ImageHeader {
  readonly format: ImageFormat;
  readonly width?: number;
  readonly height?: number;
  /** Bits per channel of a PNG. */
  readonly bitDepth?: number;
  /** Channels that the file stores: 1, 3 or 4 of a JPEG; 1 (grey or palette), 2, 3 or 4 of a PNG. */
  readonly channels?: number;
}

/**
 * Reads the header of an image file, as far as decoding needs it: the kind, by content and not by name, and the size
 * before any pixel memory is taken. `undefined` if the bytes are no known kind of image.
 *
 * Formats: PNG (ISO/IEC 15948, IHDR), JPEG (ITU-T T.81, marker SOFn), GIF89a, WebP (RFC 9649),
 * Windows bitmap, TIFF 6.0.
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader | undefined {
  if (startsWith(bytes, [0xff, 0xd8, 0xff])) return jpegHeader(bytes);
  if (startsWith(bytes, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return pngHeader(bytes);
  if (hasText(bytes, 0, "GIF87a") || hasText(bytes, 0, "GIF89a")) return gifHeader(bytes);
  if (hasText(bytes, 0, "RIFF") && hasText(bytes, 8, "WEBP")) return webpHeader(bytes);
  if (hasText(bytes, 0, "BM")) return { format: "bmp" };
  if (startsWith(bytes, [0x49, 0x49, 0x2a, 0]) || startsWith(bytes, [0x4d, 0x4d, 0, 0x2a])) return { format: "tiff" };
  return undefined;
}

function startsWith(bytes: Uint8Array, expected: readonly number[]): boolean {
  return expected.every((byte, index) => bytes[index] === byte);
}

function hasText(bytes: Uint8Array, offset: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (bytes[offset + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const pngChannels: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

function pngHeader(bytes: Uint8Array): ImageHeader {
  if (bytes.length < 26 || !hasText(bytes, 12, "IHDR")) return { format: "png" };
  const data = view(bytes);
  const channels = pngChannels[data.getUint8(25)];
  return {
    format: "png",
    width: data.getUint32(16),
    height: data.getUint32(20),
    bitDepth: data.getUint8(24),
    ...(channels === undefined ? {} : { channels }),
  };
}

function gifHeader(bytes: Uint8Array): ImageHeader {
  if (bytes.length < 10) return { format: "gif" };
  const data = view(bytes);
  return { format: "gif", width: data.getUint16(6, true), height: data.getUint16(8, true) };
}

function webpHeader(bytes: Uint8Array): ImageHeader {
  const data = view(bytes);
  if (bytes.length < 30) return { format: "webp" };
  if (hasText(bytes, 12, "VP8X")) {
    const width = 1 + (data.getUint16(24, true) | (data.getUint8(26) << 16));
    const height = 1 + (data.getUint16(27, true) | (data.getUint8(29) << 16));
    return { format: "webp", width, height };
  }
  if (hasText(bytes, 12, "VP8L")) {
    const bits = data.getUint32(21, true);
    return { format: "webp", width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  return { format: "webp", width: data.getUint16(26, true) & 0x3fff, height: data.getUint16(28, true) & 0x3fff };
}

function jpegHeader(bytes: Uint8Array): ImageHeader {
  const data = view(bytes);
  let position = 2;
  while (position + 4 <= bytes.length) {
    if (bytes[position] !== 0xff) {
      // Stray bytes between segments are skipped, as decoders do.
      position++;
      continue;
    }
    const marker = bytes[position + 1] as number;
    if (marker === 0xff || marker === 0) position++;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) position += 2;
    else if (marker === 0xd9 || marker === 0xda) break;
    else {
      const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
      if (isFrame && position + 10 <= bytes.length) {
        return {
          format: "jpeg",
          height: data.getUint16(position + 5),
          width: data.getUint16(position + 7),
          channels: data.getUint8(position + 9),
        };
      }
      position += 2 + data.getUint16(position + 2);
    }
  }
  return { format: "jpeg" };
}

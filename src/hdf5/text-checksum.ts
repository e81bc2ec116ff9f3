import { crc32 } from "../checksum/crc32.node.js";

/**
 * CRC-32 of texts, continued from that of the texts before: of their UTF-8, each followed by a NUL, which no text holds.
 * In Python: `zlib.crc32(b"".join(text.encode() + b"\0" for text in texts))`.
 */
export function textChecksum(texts: readonly string[], previous = 0): number {
  return texts.length === 0 ? previous : crc32(new TextEncoder().encode(`${texts.join("\0")}\0`), previous);
}

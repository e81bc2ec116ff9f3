import { crc32 } from "../checksum/crc32.node.js";

/** Names that are turned into bytes at once, so that a long list takes little memory. */
const stepNames = 65_536;

/**
 * CRC-32 of a list of names, which tells whether two lists are the same. In Python:
 * `zlib.crc32("\n".join(names).encode())`.
 */
export function namesChecksum(names: readonly string[]): number {
  const encoder = new TextEncoder();
  let checksum = 0;
  for (let start = 0; start < names.length; start += stepNames) {
    const text = names.slice(start, start + stepNames).join("\n");
    const isLast = start + stepNames >= names.length;
    checksum = crc32(encoder.encode(isLast ? text : `${text}\n`), checksum);
  }
  return checksum;
}

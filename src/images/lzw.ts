import { DecodeProblem } from "./decode-problem.js";

const mostCodes = 4096;

/**
 * Decodes GIF's variable-length LZW, which is cut into blocks of up to 255 bytes, to exactly `length` values.
 *
 * Format: GIF89a, appendix F.
 *
 * @param start position of the byte that says how many bits a value has
 * @throws DecodeProblem if the data end too early or hold an impossible code
 */
export function decodeLzw(bytes: Uint8Array, start: number, length: number): Uint8Array {
  const valueBits = bytes[start];
  if (valueBits === undefined) throw new DecodeProblem("the file is truncated");
  if (valueBits > 12) throw new DecodeProblem(`its colours have ${valueBits} bits`);
  const clearCode = 1 << valueBits;
  const endCode = clearCode + 1;
  const prefix = new Uint16Array(mostCodes);
  const suffix = new Uint8Array(mostCodes);
  const lengths = new Uint16Array(mostCodes);
  for (let value = 0; value < Math.min(clearCode, mostCodes); value++) {
    suffix[value] = value;
    lengths[value] = 1;
  }
  const output = new Uint8Array(length);
  let written = 0;
  let codeBits = valueBits + 1;
  let next = endCode + 1;
  let previous = -1;
  let position = start + 1;
  let blockLeft = 0;
  let buffer = 0;
  let bufferBits = 0;

  while (written < length) {
    while (bufferBits < codeBits) {
      const byte = bytes[position++];
      if (byte === undefined) throw new DecodeProblem("the file is truncated");
      if (blockLeft === 0) {
        // Pillow refuses a block that is not whole, even when its pixels would be.
        if (position + byte > bytes.length) throw new DecodeProblem("the file is truncated");
        blockLeft = byte;
      } else {
        blockLeft--;
        buffer |= byte << bufferBits;
        bufferBits += 8;
      }
    }
    const code = buffer & ((1 << codeBits) - 1);
    buffer >>>= codeBits;
    bufferBits -= codeBits;

    if (code === clearCode) {
      codeBits = valueBits + 1;
      next = endCode + 1;
      previous = -1;
      continue;
    }
    if (code === endCode) throw new DecodeProblem("its data end before the picture is complete");
    if (previous < 0 ? code > clearCode : code > next || (code === next && next === mostCodes)) {
      throw new DecodeProblem("its compressed data are damaged");
    }

    // A code that is being defined just now means the previous values and the first of them again.
    const isNew = previous >= 0 && code === next;
    const source = isNew ? previous : code;
    const count = lengths[source] as number;
    let value = source;
    for (let index = count - 1; index >= 0; index--) {
      if (written + index < length) output[written + index] = suffix[value] as number;
      value = prefix[value] as number;
    }
    const first = output[written] as number;
    written += count;
    if (isNew && written < length) output[written++] = first;
    if (previous >= 0 && next < mostCodes) {
      prefix[next] = previous;
      suffix[next] = first;
      lengths[next] = (lengths[previous] as number) + 1;
      next++;
      if (next === 1 << codeBits && codeBits < 12) codeBits++;
    }
    previous = code;
  }
  return output;
}

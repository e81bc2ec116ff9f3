import { UnsupportedError } from "../errors.js";

const pageBytes = 2 ** 16;

/** What a memory of WebAssembly holds at most. */
export const mostBytes = 2 ** 32 - pageBytes;

/**
 * A memory of at least so many bytes.
 *
 * @param purpose what they are for, as a message begins: "Similarity search needs"
 * @throws UnsupportedError if they cannot be had
 */
export function createMemory(bytes: number, purpose: string): WebAssembly.Memory {
  return orRefused(bytes, purpose, () => new WebAssembly.Memory({ initial: pagesOf(bytes) }));
}

/**
 * Makes a memory hold at least so many bytes. Its buffer is another one then.
 *
 * @throws UnsupportedError if they cannot be had
 */
export function growMemory(memory: WebAssembly.Memory, bytes: number, purpose: string): void {
  const missing = pagesOf(bytes) - memory.buffer.byteLength / pageBytes;
  if (missing > 0) orRefused(bytes, purpose, () => memory.grow(missing));
}

function pagesOf(bytes: number): number {
  return Math.ceil(bytes / pageBytes);
}

/** More than 4 GiB is a TypeError for a new memory, and all else that cannot be had a RangeError. */
function orRefused<Result>(bytes: number, purpose: string, take: () => Result): Result {
  try {
    return take();
  } catch (cause) {
    const mebibytes = Math.ceil(bytes / 2 ** 20);
    throw new UnsupportedError(
      `${purpose} ${mebibytes} MiB in a memory of WebAssembly, which the system does not give: expected at most 4096 MiB, and as much free. Each such memory also takes some GiB of addresses, which \`ulimit -v\` may forbid.`,
      { cause },
    );
  }
}

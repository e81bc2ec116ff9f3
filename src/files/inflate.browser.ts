/**
 * Expands raw deflate data, as zip archives hold it.
 *
 * @param size how many bytes come out at most
 * @throws TypeError if the data is damaged, RangeError if it comes to more
 */
export async function inflate(bytes: Uint8Array, size: number): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  const reader = stream.pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const result = new Uint8Array(size);
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    if (length + next.value.length > size) {
      await reader.cancel();
      throw new RangeError(`more than ${size} bytes come out`);
    }
    result.set(next.value, length);
    length += next.value.length;
  }
  return result.subarray(0, length);
}

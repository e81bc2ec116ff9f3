/** Bytes of the fours of float32 numbers that hold so many. */
export function bytesOf(count: u32): usize {
  return ((<usize>count + 3) & ~3) << 2;
}

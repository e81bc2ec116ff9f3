const blockSize = 64;

/** Left rotations of the four rounds. */
const rotations = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
] as const;

/**
 * MD5 of some bytes, as 32 hex digits: browsers have no MD5, and Keras publishes these. Good against damage, not against
 * malice.
 *
 * Algorithm: R. Rivest, RFC 1321.
 */
export function md5(bytes: Uint8Array): string {
  const state = new Int32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]);
  const whole = bytes.length - (bytes.length % blockSize);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = 0; offset < whole; offset += blockSize) addBlock(state, view, offset);

  const rest = bytes.length - whole;
  const tail = new Uint8Array(rest < blockSize - 8 ? blockSize : 2 * blockSize);
  tail.set(bytes.subarray(whole));
  tail[rest] = 0x80;
  const tailView = new DataView(tail.buffer);
  tailView.setBigUint64(tail.length - 8, BigInt(bytes.length) * 8n, true);
  for (let offset = 0; offset < tail.length; offset += blockSize) addBlock(state, tailView, offset);

  const digest = new DataView(new ArrayBuffer(16));
  for (const [index, word] of state.entries()) digest.setInt32(4 * index, word, true);
  return Array.from(new Uint8Array(digest.buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function addBlock(state: Int32Array, view: DataView, offset: number): void {
  let [a, b, c, d] = state as unknown as [number, number, number, number];
  for (let step = 0; step < 64; step++) {
    const round = step >>> 4;
    let mixed: number;
    let word: number;
    if (round === 0) {
      mixed = (b & c) | (~b & d);
      word = step;
    } else if (round === 1) {
      mixed = (d & b) | (~d & c);
      word = (5 * step + 1) & 15;
    } else if (round === 2) {
      mixed = b ^ c ^ d;
      word = (3 * step + 5) & 15;
    } else {
      mixed = c ^ (b | ~d);
      word = (7 * step) & 15;
    }
    const sum = (a + mixed + sineWord(step) + view.getInt32(offset + 4 * word, true)) | 0;
    const rotation = rotations[round]?.[step & 3] ?? 0;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << rotation) | (sum >>> (32 - rotation)))) | 0;
  }
  state[0] = (state[0] as number) + a;
  state[1] = (state[1] as number) + b;
  state[2] = (state[2] as number) + c;
  state[3] = (state[3] as number) + d;
}

let sines: Int32Array | undefined;

/** The RFC's constant of a step: the first 32 bits behind the point of |sin(step + 1)|. Made at first use. */
function sineWord(step: number): number {
  sines ??= Int32Array.from({ length: 64 }, (_, each) => Math.floor(Math.abs(Math.sin(each + 1)) * 2 ** 32) | 0);
  return sines[step] as number;
}

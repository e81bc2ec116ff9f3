let table: Uint32Array | undefined;

/** The bits of every IEEE 754 half-precision value as float32, by its own bits. Made at first use: 256 kB. */
function float16Table(): Uint32Array {
  if (table) return table;
  const values = new Float32Array(65536);
  const wide = new Uint32Array(values.buffer);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >>> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 0) values[bits] = sign * fraction * 2 ** -24;
    // As numbers, NaNs would lose their sign and payload.
    else if (exponent === 31) wide[bits] = ((bits & 0x8000) << 16) | 0x7f800000 | (fraction << 13);
    else values[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  table = wide;
  return wide;
}

/** Half-precision numbers, given as their bits, as float32. Exact: every half-precision number is a float32. */
export function float16ToFloat32(
  bits: Uint16Array,
  target: Float32Array = new Float32Array(bits.length),
): Float32Array {
  const values = float16Table();
  const wide = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < bits.length; i++) wide[i] = values[bits[i] as number] as number;
  return target;
}

/**
 * Numbers as half-precision bits, rounded to nearest, ties to even, as numpy's `astype("float16")`. What is beyond
 * 65504 by more than half a step becomes infinite, as there.
 */
export function float32ToFloat16(
  values: Float32Array,
  target: Uint16Array = new Uint16Array(values.length),
): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const value = bits[i] as number;
    const sign = (value >>> 16) & 0x8000;
    const magnitude = value & 0x7fffffff;
    if (magnitude > 0x7f800000) {
      target[i] = sign | 0x7e00;
    } else if (magnitude >= 0x477ff000) {
      target[i] = sign | 0x7c00;
    } else if (magnitude >= 0x38800000) {
      // Rebias the exponent by 127 - 15 and round the 13 dropped bits; a carry into the exponent is right as it is.
      const half = (magnitude - 0x38000000) >>> 13;
      const rest = magnitude & 0x1fff;
      target[i] = sign | (half + (rest > 0x1000 || (rest === 0x1000 && (half & 1) === 1) ? 1 : 0));
    } else if (magnitude <= 0x33000000) {
      target[i] = sign;
    } else {
      const shift = 126 - (magnitude >>> 23);
      const mantissa = (magnitude & 0x7fffff) | 0x800000;
      const half = mantissa >>> shift;
      const rest = mantissa & ((1 << shift) - 1);
      const middle = 1 << (shift - 1);
      target[i] = sign | (half + (rest > middle || (rest === middle && (half & 1) === 1) ? 1 : 0));
    }
  }
  return target;
}

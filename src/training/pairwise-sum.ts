/**
 * Sum in the order in which numpy adds: a mean such as 0.125 would else now and then land on the other side of the
 * rounding to two digits. Algorithm: N. J. Higham, "The accuracy of floating point summation", SIAM J. Sci. Comput. 14
 * (1993), with numpy's block of 128 and eight running sums.
 */
export function pairwiseSum(values: ArrayLike<number>, start = 0, count = values.length): number {
  const at = (offset: number) => values[start + offset] as number;
  if (count < 8) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += at(i);
    return sum;
  }
  if (count > 128) {
    const half = Math.floor(count / 2) - (Math.floor(count / 2) % 8);
    return pairwiseSum(values, start, half) + pairwiseSum(values, start + half, count - half);
  }
  const sums = Array.from({ length: 8 }, (_, lane) => at(lane));
  const whole = count - (count % 8);
  for (let i = 8; i < whole; i++) sums[i % 8] = (sums[i % 8] as number) + at(i);
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = sums;
  let sum = a + b + (c + d) + (e + f + (g + h));
  for (let i = whole; i < count; i++) sum += at(i);
  return sum;
}

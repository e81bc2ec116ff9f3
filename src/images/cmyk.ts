/** `a * b / 255`, rounded, in whole numbers as Pillow computes it. */
function scaled(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/**
 * Turns four channels of ink, cyan, magenta, yellow, black, into red, green, blue by Pillow's plain formula, without a
 * colour profile.
 */
export function cmykToRGB(cmyk: Uint8Array): Uint8Array {
  const pixels = new Uint8Array((cmyk.length / 4) * 3);
  let out = 0;
  for (let index = 0; index < cmyk.length; index += 4) {
    const white = 255 - (cmyk[index + 3] as number);
    pixels[out++] = scaled(255 - (cmyk[index] as number), white);
    pixels[out++] = scaled(255 - (cmyk[index + 1] as number), white);
    pixels[out++] = scaled(255 - (cmyk[index + 2] as number), white);
  }
  return pixels;
}

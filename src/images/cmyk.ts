/** `a * b / 255`, rounded, in whole numbers as Pillow computes it. */
function scaled(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/**
 * Turns four channels cyan, magenta, yellow, black into red, green, blue by Pillow's plain formula, without a colour
 * profile.
 *
 * @param inverted whether the values are stored as 255 minus ink
 */
export function cmykToRGB(cmyk: Uint8Array, inverted: boolean): Uint8Array {
  const pixels = new Uint8Array((cmyk.length / 4) * 3);
  const light = inverted ? 0 : 255;
  let out = 0;
  for (let index = 0; index < cmyk.length; index += 4) {
    const white = (cmyk[index + 3] as number) ^ light;
    pixels[out++] = scaled((cmyk[index] as number) ^ light, white);
    pixels[out++] = scaled((cmyk[index + 1] as number) ^ light, white);
    pixels[out++] = scaled((cmyk[index + 2] as number) ^ light, white);
  }
  return pixels;
}

/** Adds up the channels of RGB pixels. */
export interface ChannelSums {
  /** @param data any number of pixels, red, green and blue in turn */
  add(data: Uint8Array): void;
  /** Means of red, green and blue so far, 0 to 255; zeros if nothing was added. */
  means(): readonly [number, number, number];
}

/** Starts at zero. The sums are exact: whole numbers far below 2^53. */
export function createChannelSums(): ChannelSums {
  const sums: [number, number, number] = [0, 0, 0];
  let pixels = 0;
  return {
    add(data: Uint8Array): void {
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let i = 0; i < data.length; i += 3) {
        red += data[i] as number;
        green += data[i + 1] as number;
        blue += data[i + 2] as number;
      }
      sums[0] += red;
      sums[1] += green;
      sums[2] += blue;
      pixels += data.length / 3;
    },
    means(): readonly [number, number, number] {
      const mean = (sum: number) => (pixels === 0 ? 0 : sum / pixels);
      return [mean(sums[0]), mean(sums[1]), mean(sums[2])];
    },
  };
}

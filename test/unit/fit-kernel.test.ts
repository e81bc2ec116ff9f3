import { expect, test } from "vitest";
import { createRandom } from "../../src/random.js";
import { FitKernel } from "../../src/training/logistic/fit-kernel.js";

test.each([1, 3, 4, 7, 64, 70_000].flatMap((width) => [1, 2, 3, 5].map((units) => [width, units] as const)))(
  "scores and gradients of rows of %d features and %d units are those of the formulas, in 64 bits",
  (width, units) => {
    const random = createRandom(width + units);
    const values = (length: number) => Float64Array.from({ length }, () => random.double() - 0.5);
    const kernel = new FitKernel(width, units);
    // Twice, so that nothing is left of the pass before.
    for (const pass of [0, 1]) {
      const [weights, offsets] = [values(units * width), values(units)];
      const gradient = new Float64Array(units * width).fill(7);
      const expected = new Float64Array(units * width);
      kernel.start(weights, offsets);
      for (const rows of [4, 1, 3].map((count) => Math.min(count + pass, kernel.blockRows))) {
        const xs = Float32Array.from(values(rows * width));
        const scores = kernel.score(xs);
        expect(scores).toHaveLength(rows * units);
        for (let row = 0; row < rows; row++) {
          for (let unit = 0; unit < units; unit++) {
            const residual = random.double() - 0.5;
            let sum = offsets[unit] as number;
            for (let j = 0; j < width; j++) {
              const value = xs[row * width + j] as number;
              sum += value * (weights[unit * width + j] as number);
              expected[unit * width + j] = (expected[unit * width + j] as number) + residual * value;
            }
            if (!(Math.abs((scores[row * units + unit] as number) - sum) < 1e-11))
              expect(scores[row * units + unit]).toBe(sum);
            scores[row * units + unit] = residual;
          }
        }
        kernel.addGradient();
      }
      kernel.end(gradient);
      const furthest = gradient.reduce((most, value, at) => Math.max(most, Math.abs(value - (expected[at] ?? 0))), 0);
      expect(furthest).toBeLessThan(1e-14);
    }
  },
);

test("a row's score is the same to the last bit whichever rows are beside it", () => {
  const [width, units] = [37, 3];
  const random = createRandom(5);
  const xs = Float32Array.from({ length: 11 * width }, () => random.double() - 0.5);
  const weights = Float64Array.from({ length: units * width }, () => random.double() - 0.5);
  const kernel = new FitKernel(width, units);
  kernel.start(weights, new Float64Array(units));
  const all = kernel.score(xs).slice();
  for (let row = 0; row < 11; row++) {
    const alone = kernel.score(xs.subarray(row * width, (row + 1) * width));
    expect(alone).toEqual(all.slice(row * units, (row + 1) * units));
  }
});

test("more coefficients than WebAssembly holds are refused as such, before memory is taken", () => {
  expect(() => new FitKernel(2 ** 17, 2 ** 12)).toThrow(/4096 rows of coefficients for 131072 features .* 4 GiB/);
});

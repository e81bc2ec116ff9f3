import { describe, expect, test } from "vitest";
import { ActivationHistogram } from "../../src/backends/onnx/quantization/activation-range.js";
import { quantizeKernel, roundHalfToEven } from "../../src/backends/onnx/quantization/quantize-weights.js";
import { createRandom } from "../../src/random.js";

/** Values of a normal distribution, by Box and Muller's formula. */
function normal(count: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random.double()));
    return radius * Math.cos(2 * Math.PI * random.double());
  });
}

function histogramOf(...batches: readonly Float32Array[]): ActivationHistogram {
  const histogram = new ActivationHistogram();
  for (const batch of batches) histogram.add(batch);
  return histogram;
}

describe("the range of a layer's values", () => {
  test("by minmax is all that was seen, and always with 0 in it", () => {
    expect(histogramOf(Float32Array.of(2, 3), Float32Array.of(-1)).range("minmax")).toEqual({ least: -1, greatest: 3 });
    expect(histogramOf(Float32Array.of(2, 3)).range("minmax")).toEqual({ least: 0, greatest: 3 });
    expect(histogramOf(Float32Array.of(0, 0)).range("minmax")).toEqual({ least: 0, greatest: 0 });
  });

  test.each([[[1, 2, 3]], [[3, 2, 1]]])(
    "by percentile leaves out a ten thousandth of the values, in whatever order the batches %j come",
    (order) => {
      const values = normal(300_000, 1);
      const batches = order.map((part) => values.slice((part - 1) * 100_000, part * 100_000).map((x) => x * part));
      const all = Float32Array.from(batches.flatMap((batch) => [...batch])).sort();
      const range = histogramOf(...batches).range("percentile");
      const outside = all.filter((x) => x < (range?.least ?? 0) || x > (range?.greatest ?? 0)).length / all.length;
      expect(outside).toBeGreaterThan(0.00005);
      expect(outside).toBeLessThan(0.0001);
    },
  );

  test("by entropy cuts off a few values far away, and keeps those of an even distribution", () => {
    const far = Float32Array.from([...normal(100_000, 2), 60, -60]);
    const range = histogramOf(far).range("entropy");
    expect(range?.greatest).toBeLessThan(30);
    expect(range?.greatest).toBeGreaterThan(3);
    const random = createRandom(3);
    const even = Float32Array.from({ length: 100_000 }, () => 6 * random.double());
    expect(histogramOf(even).range("entropy")?.greatest).toBeGreaterThan(5.9);
  });

  test("is unknown where no finite value was seen", () => {
    expect(histogramOf(Float32Array.of(Number.NaN)).range("minmax")).toBeUndefined();
    expect(histogramOf(Float32Array.of(1, Number.POSITIVE_INFINITY)).range("minmax")).toBeUndefined();
  });
});

describe("a kernel in integers", () => {
  test("has for each filter the scale of its greatest value, and no value is off by more than half a step", () => {
    const data = normal(3 * 3 * 4 * 5, 4);
    const kernel = { name: "kernel", shape: [3, 3, 4, 5], data, permutation: [3, 2, 0, 1] };
    const quantized = quantizeKernel(kernel, 3);
    const { scales, integers } = quantized as NonNullable<typeof quantized>;
    for (const [i, value] of data.entries()) {
      const scale = scales[i % 5] as number;
      expect(Math.abs(value - Number(integers.data[i]) * scale)).toBeLessThanOrEqual(scale * 0.500001);
    }
    for (let filter = 0; filter < 5; filter++) {
      const greatest = Math.max(...data.filter((_, i) => i % 5 === filter).map(Math.abs));
      expect(scales[filter]).toBeCloseTo(greatest / 126, 6);
    }
  });

  test("stays what it is where it is not finite", () => {
    const kernel = { name: "kernel", shape: [1, 2], data: Float32Array.of(1, Number.NaN) };
    expect(quantizeKernel(kernel, 1)).toBeUndefined();
  });

  test.each([
    [0.5, 0],
    [1.5, 2],
    [2.5, 2],
    [-0.5, 0],
    [-1.5, -2],
    [-2.5, -2],
    [0.4999, 0],
    [126.5, 126],
  ])("rounds %d to %d, as ONNX does", (value, rounded) => {
    expect(roundHalfToEven(value) + 0).toBe(rounded);
  });
});

import { expect, test } from "vitest";
import { normalNoise } from "../../src/backends/normal-noise.js";

// numpy 2.4.6: numpy.random.RandomState(seed).standard_normal(5)
test.each([
  [3, [1.7886284734303186, 0.43650985051198943, 0.09649746807200862, -1.8634927033644908, -0.27738820251439905]],
  [
    [3, 1, 4],
    [1.396154841599772, -0.543710175613004, -0.0021559309469554033, 1.3403883746352523, 1.4357520266904875],
  ],
])("normal noise from the seed %j is numpy's", (seed, expected) => {
  const noise = normalNoise(seed, 5);
  expect(noise.length).toBe(5);
  for (const [at, value] of expected.entries()) expect(noise[at]).toBeCloseTo(value, 6);
});

import { expect, test } from "vitest";
import { createRandom } from "../../src/random.js";

// numpy 2.4.6: r = numpy.random.RandomState(seed); r.random_sample(3); x = numpy.arange(10); r.shuffle(x)
test.each([
  [0, [0.5488135039273248, 0.7151893663724195, 0.6027633760716439]],
  [42, [0.3745401188473625, 0.9507143064099162, 0.7319939418114051]],
])("doubles of seed %i equal numpy's RandomState", (seed, expected) => {
  const random = createRandom(seed);
  expect([random.double(), random.double(), random.double()]).toEqual(expected);
});

test.each([
  [0, [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]],
  [42, [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]],
])("a shuffle with seed %i equals numpy's RandomState", (seed, expected) => {
  const items = Array.from({ length: 10 }, (_, i) => i);
  createRandom(seed).shuffle(items);
  expect(items).toEqual(expected);
});

// numpy 2.4.6: numpy.random.RandomState(seeds).random_sample(3)
test.each([
  [[7], [0.32383276483316237, 0.15084917392450192, 0.6509344730398537]],
  [
    [1, 4294967295, 0],
    [0.37300140397259673, 0.24809769892779865, 0.614245655986796],
  ],
])("doubles of the list of seeds %j equal numpy's RandomState", (seeds, expected) => {
  const random = createRandom(seeds);
  expect([random.double(), random.double(), random.double()]).toEqual(expected);
});

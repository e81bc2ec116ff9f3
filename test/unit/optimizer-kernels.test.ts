import { describe, expect, test } from "vitest";
import type { OptimizerConfig } from "../../src/backends/trainable-backend.js";
import { compileOptimizerKernels, optimizerKernels } from "../../src/backends/training/optimizer-kernels.js";
import { optimizerUpdate } from "../../src/backends/training/optimizer-update.js";
import { createRandom } from "../../src/random.js";

const counts = [1, 3, 4, 5, 64, 67];
const outside = 123;

/** Arrays in a memory, each followed by values that no kernel may write, and addressed by their offsets. */
function memoryOf(count: number, arrays: number) {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const padded = Math.ceil(count / 4) * 4;
  const random = createRandom(count);
  const values = new Float32Array(memory.buffer).fill(outside);
  const list = Array.from({ length: arrays }, (_, at) => {
    const start = 16 + at * (padded + 16);
    values.fill(0, start, start + padded);
    const array = values.subarray(start, start + count);
    for (let i = 0; i < count; i++) array[i] = 0.1 + random.double();
    return array;
  });
  const touched = () => {
    const inside = new Set(list.flatMap((array) => Array.from({ length: padded }, (_, i) => array.byteOffset / 4 + i)));
    return values.some((value, i) => !inside.has(i) && value !== outside);
  };
  return { kernels: optimizerKernels(compileOptimizerKernels(), memory), list, touched };
}

/** The formulas of `keras.optimizers` for one number: the next value, then the running values in the kernel's order. */
type Reference = (value: number, gradient: number, running: readonly number[]) => readonly number[];

const rate = 0.05;
const step = 3;
const corrected = (rate * Math.sqrt(1 - 0.99 ** step)) / (1 - 0.8 ** step);

const adam: Reference = (w, g, [m = 0, v = 0]) => {
  const [momentum, velocity] = [0.8 * m + 0.2 * g, 0.99 * v + 0.01 * g * g];
  return [w - (corrected * momentum) / (Math.sqrt(velocity) + 1e-3), momentum, velocity];
};

const rmsprop =
  (momentum: number, centered: boolean): Reference =>
  (w, g, [v = 0, ...others]) => {
    const velocity = 0.9 * v + 0.1 * g * g;
    const average = centered ? [0.9 * (others.at(-1) ?? 0) + 0.1 * g] : [];
    const spread = velocity - (average[0] ?? 0) ** 2;
    const change = (rate * g) / Math.sqrt(spread + 2);
    const moving = momentum === 0 ? [] : [momentum * (others[0] ?? 0) + change];
    return [w - (moving[0] ?? change), velocity, ...moving, ...average];
  };

const sgd = { name: "sgd", learningRate: rate } as const;
const rmspropConfig = { name: "rmsprop", learningRate: rate, rho: 0.9, epsilon: 2 } as const;
const adamConfig = { learningRate: rate, beta1: 0.8, beta2: 0.99, epsilon: 1e-3 } as const;

const cases: readonly [string, OptimizerConfig, Reference][] = [
  ["sgd", { ...sgd, momentum: 0, nesterov: false }, (w, g) => [w - rate * g]],
  [
    "sgd with momentum",
    { ...sgd, momentum: 0.9, nesterov: false },
    (w, g, [m = 0]) => [w + 0.9 * m - rate * g, 0.9 * m - rate * g],
  ],
  [
    "sgd with Nesterov's momentum",
    { ...sgd, momentum: 0.9, nesterov: true },
    (w, g, [m = 0]) => [w + 0.9 * (0.9 * m - rate * g) - rate * g, 0.9 * m - rate * g],
  ],
  ["rmsprop", { ...rmspropConfig, momentum: 0, centered: false }, rmsprop(0, false)],
  ["rmsprop with momentum", { ...rmspropConfig, momentum: 0.7, centered: false }, rmsprop(0.7, false)],
  ["centered rmsprop", { ...rmspropConfig, momentum: 0, centered: true }, rmsprop(0, true)],
  ["centered rmsprop with momentum", { ...rmspropConfig, momentum: 0.7, centered: true }, rmsprop(0.7, true)],
  ["adam", { name: "adam", ...adamConfig }, adam],
  ["adamw", { name: "adamw", ...adamConfig, weightDecay: 0.1 }, (w, g, all) => adam(w - 0.1 * rate * w, g, all)],
];

describe("the optimizers' kernels", () => {
  test.each(cases)(
    "step with %s as Keras's formula says, and write nothing else, whatever the count",
    (_, config, of) => {
      const update = optimizerUpdate(config);
      for (const count of counts) {
        const { kernels, list, touched } = memoryOf(count, 2 + update.slots.length);
        const [value, gradient, ...running] = list as [Float32Array, Float32Array, ...Float32Array[]];
        const expected = Array.from(value, (w, i) =>
          of(
            w,
            gradient[i] ?? 0,
            Array.from(running, (slot) => slot[i] ?? 0),
          ),
        );
        const given = [...gradient];
        let next = 0;
        const addresses = update.kernelSlots.map((slot) =>
          slot === undefined ? 0 : (running[next++]?.byteOffset ?? 0),
        );
        const run = kernels[update.kernel] as (...values: readonly number[]) => void;
        run(
          count,
          value.byteOffset,
          gradient.byteOffset,
          ...addresses,
          ...update.numbers({ learningRate: rate, step }),
        );
        for (const [i, numbers] of expected.entries()) {
          [value, ...running].forEach((array, at) => {
            expect(array[i]).toBeCloseTo(numbers[at] as number, 5);
          });
        }
        expect([...gradient]).toEqual(given);
        expect(touched()).toBe(false);
      }
    },
  );

  test("add the gradient of penalties, scale and clip, and sum up, whatever the count", () => {
    for (const count of counts) {
      const { kernels, list, touched } = memoryOf(count, 2);
      const [value, gradient] = list as [Float32Array, Float32Array];
      value.forEach((w, i) => {
        value[i] = i % 3 === 0 ? -w : i % 3 === 1 ? w : 0;
      });
      const sum = (of: (w: number) => number) => value.reduce((total, w) => total + of(w), 0);
      expect(kernels.absoluteSum(count, value.byteOffset)).toBeCloseTo(sum(Math.abs), 10);
      expect(kernels.squareSum(count, value.byteOffset)).toBeCloseTo(
        sum((w) => w * w),
        10,
      );
      const before = [...gradient];
      kernels.addPenalty(count, value.byteOffset, gradient.byteOffset, 0.3, 0.2);
      const penalized = before.map((g, i) => g + 0.4 * (value[i] ?? 0) + 0.3 * Math.sign(value[i] ?? 0));
      gradient.forEach((g, i) => {
        expect(g).toBeCloseTo(penalized[i] as number, 5);
      });
      kernels.scale(count, gradient.byteOffset, 2);
      kernels.clip(count, gradient.byteOffset, 0.9);
      gradient.forEach((g, i) => {
        expect(g).toBeCloseTo(Math.min(0.9, Math.max(-0.9, 2 * (penalized[i] as number))), 5);
      });
      expect(touched()).toBe(false);
    }
  });
});

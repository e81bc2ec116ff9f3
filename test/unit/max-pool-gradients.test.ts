import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-layers";
import { describe, expect, test } from "vitest";
import { onBackend } from "../../src/backends/tfjs/shared-tfjs.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { createRandom } from "../../src/random.js";
import { anyWebgpu, webgpuHint, webgpuStarts } from "../support/webgpu.js";

type Pair = [number, number];

const backends = [
  { name: "tfjs-wasm", run: true, create: () => tfjsWasm(), backend: "wasm" },
  { name: `tfjs-webgpu${webgpuHint}`, run: webgpuStarts, create: anyWebgpu, backend: "webgpu" },
];

async function gradient(
  backend: string,
  image: readonly number[],
  shape: number[],
  size: Pair,
  strides: Pair,
  pad: "same" | "valid",
  dy: readonly number[],
) {
  const result = await onBackend({ tf, backend }, () =>
    tf.tidy(() =>
      tf.grad((x: tf.Tensor) => {
        const pooled = tf.maxPool(x as tf.Tensor4D, size, strides, pad);
        return tf.sum(tf.mul(pooled, tf.tensor([...dy], pooled.shape)));
      })(tf.tensor([...image], shape)),
    ),
  );
  const values = [...(await result.data())];
  result.dispose();
  return values;
}

/** The definition, window by window: the first of the greatest values takes the window's gradient, as in TensorFlow. */
function byHand(
  image: readonly number[],
  [height, width]: Pair,
  size: Pair,
  strides: Pair,
  pad: "same" | "valid",
  dy: readonly number[],
) {
  const [rows, columns] = [0, 1].map((axis) => {
    const [length, reach, step] = [[height, width][axis] as number, size[axis] as number, strides[axis] as number];
    const count = pad === "same" ? Math.ceil(length / step) : Math.floor((length - reach) / step) + 1;
    const before = pad === "same" ? Math.floor(Math.max(0, (count - 1) * step + reach - length) / 2) : 0;
    return { count, before, step, reach };
  }) as [Axis, Axis];
  const result = image.map(() => 0);
  for (let p = 0; p < rows.count; p++) {
    for (let q = 0; q < columns.count; q++) {
      let best = -1;
      for (let i = 0; i < rows.reach; i++) {
        for (let j = 0; j < columns.reach; j++) {
          const [y, x] = [p * rows.step - rows.before + i, q * columns.step - columns.before + j];
          if (y < 0 || y >= height || x < 0 || x >= width) continue;
          const at = y * width + x;
          if (best < 0 || (image[at] as number) > (image[best] as number)) best = at;
        }
      }
      result[best] = (result[best] as number) + (dy[p * columns.count + q] as number);
    }
  }
  return { result, windows: rows.count * columns.count };
}

interface Axis {
  readonly count: number;
  readonly before: number;
  readonly step: number;
  readonly reach: number;
}

const cases: readonly (readonly [Pair, Pair, "same" | "valid"])[] = [
  [[2, 2], [2, 2], "valid"],
  [[3, 3], [2, 2], "same"],
  [[3, 2], [1, 2], "same"],
  [[2, 3], [3, 1], "valid"],
  [[3, 3], [1, 1], "same"],
  [[1, 1], [2, 2], "valid"],
];

describe.each(backends)("the gradient of max pooling on $name", ({ run, create, backend }) => {
  test.runIf(run).each(cases)(
    "goes to the first of equal greatest values: window %o, strides %o, %s",
    async (size, strides, pad) => {
      await create().init();
      const shape: Pair = [9, 7];
      const random = createRandom(2);
      // Few values, so that most windows have equal ones.
      const image = Array.from({ length: 63 }, () => Math.floor(3 * random.double()) - 1);
      const dy = Array.from({ length: 63 }, (_, i) => i + 1);
      const { windows } = byHand(image, shape, size, strides, pad, dy);
      const { result } = byHand(image, shape, size, strides, pad, dy.slice(0, windows));
      expect(await gradient(backend, image, [1, ...shape, 1], size, strides, pad, dy.slice(0, windows))).toEqual(
        result,
      );
    },
  );
});

import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-layers";
import { beforeAll, describe, expect, test } from "vitest";
import { onBackend } from "../../src/backends/tfjs/shared-tfjs.js";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { createRandom } from "../../src/random.js";
import { anyWebgpu, webgpuHint, webgpuStarts } from "../support/webgpu.js";

type Size4D = [number, number, number, number];
type Pair = [number, number];

interface Case {
  /** `[batch, height, width, channels]` */
  readonly image: Size4D;
  /** `[height, width, channels, filters or multiplier]` */
  readonly kernel: Size4D;
  readonly strides: Pair;
  readonly padding: "same" | "valid";
}

const random = createRandom(5);
const values = (size: readonly number[]) =>
  Float32Array.from({ length: size.reduce((product, length) => product * length, 1) }, () => random.double() * 2 - 1);

const windows: readonly Omit<Case, "image" | "kernel">[] = (["same", "valid"] as const).flatMap((padding) =>
  (
    [
      [1, 1],
      [2, 2],
      [1, 2],
      [3, 3],
    ] as Pair[]
  ).map((strides) => ({ padding, strides })),
);
const kernels: readonly Pair[] = [
  [1, 1],
  [2, 2],
  [3, 3],
  [5, 3],
  [7, 7],
];
const cases: readonly Case[] = windows.flatMap((window) =>
  kernels.flatMap((size) =>
    (
      [
        [2, 9, 8],
        [1, 12, 13],
      ] as [number, number, number][]
    )
      // Where a window steps over pixels, wasm pads "same" wrongly; networks pad by hand there.
      .filter(
        () => window.padding === "valid" || size.every((length, axis) => length >= (window.strides[axis] as number)),
      )
      .map((image): Case => ({ ...window, image: [...image, 4], kernel: [...size, 4, 3] })),
  ),
);
/** Those that are computed by Winograd's method: even, odd and smallest sizes. */
const winogradCases: readonly Case[] = (["same", "valid"] as const).flatMap((padding) =>
  (
    [
      [2, 9, 8],
      [1, 12, 13],
      [3, 4, 6],
      [1, 3, 3],
      [1, 3, 7],
    ] as [number, number, number][]
  ).map((image): Case => ({ padding, strides: [1, 1], image: [...image, 20], kernel: [3, 3, 20, 36] })),
);
const title = ({ image, kernel, strides, padding }: Case) =>
  `image ${image.join("x")}, kernel ${kernel.join("x")}, strides ${strides.join("x")}, ${padding}`;

const backends = [
  { name: "tfjs-wasm", run: true, create: () => tfjsWasm(), backend: "wasm" },
  { name: `tfjs-webgpu${webgpuHint}`, run: webgpuStarts, create: anyWebgpu, backend: "webgpu" },
];

describe.each(backends)("gradients on $name equal those of tfjs's plain backend", ({ run, create, backend }) => {
  beforeAll(async () => {
    if (run) await create().init();
    await tfjsCpu().init();
  });

  test.runIf(run).each([...cases, ...winogradCases].map((each) => [title(each), each] as const))(
    "convolution: %s",
    async (_, each) => {
      await expectEqual(backend, each, (x, w) =>
        tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, each.strides, each.padding),
      );
    },
  );

  test.runIf(run).each(
    cases.flatMap((each) =>
      [1, 2].map((multiplier) => {
        const [height, width, channels] = each.kernel;
        const depthwise: Case = { ...each, kernel: [height, width, channels, multiplier] };
        return [title(depthwise), depthwise] as const;
      }),
    ),
  )("depthwise: %s", async (_, each) => {
    await expectEqual(backend, each, (x, w) =>
      tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, each.strides, each.padding),
    );
  });

  test.runIf(run).each([3, 18, 40])("with so many zeros before and after on one side: %i", async (count) => {
    const each: Case = { image: [1, 5, 6, 16], kernel: [3, 3, 16, 16], strides: [1, 1], padding: "valid" };
    const zeros: [number, number][] = [
      [0, 0],
      [count, 1],
      [2, 0],
      [0, 0],
    ];
    await expectEqual(backend, each, (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, zeros as never));
  });

  test.runIf(run).each(windows)("convolution of channels in fours, $strides, $padding", async (window) => {
    const each: Case = { ...window, image: [2, 9, 8, 8], kernel: [3, 3, 8, 4] };
    await expectEqual(backend, each, (x, w) =>
      tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, each.strides, each.padding),
    );
  });

  test.runIf(run).each([1, 2, 3])("transposed, stride %i", async (stride) => {
    const each: Case = { image: [2, 4, 5, 3], kernel: [3, 3, 4, 3], strides: [stride, stride], padding: "valid" };
    const size: Size4D = [2, 3 * stride + 3, 4 * stride + 3, 4];
    await expectEqual(backend, each, (x, w) =>
      tf.conv2dTranspose(x as tf.Tensor4D, w as tf.Tensor4D, size, stride, each.padding),
    );
  });
});

describe("a convolution on tfjs-wasm", () => {
  beforeAll(() => tfjsWasm().init());

  test("in several parts, where the transformed batch would take too much memory", async () => {
    const each: Case = { image: [2, 22, 1100, 64], kernel: [3, 3, 64, 32], strides: [1, 1], padding: "same" };
    const [image, kernel, gradient] = [values(each.image), values(each.kernel), values([2, 22, 1100, 32])];
    await onBackend({ tf, backend: "wasm" }, () =>
      tf.tidy(() => {
        const x = tf.tensor(image, each.image) as tf.Tensor4D;
        const w = tf.tensor(kernel, each.kernel) as tf.Tensor4D;
        const dy = tf.tensor(gradient, [2, 22, 1100, 32]) as tf.Tensor4D;
        const [dx, dw] = tf.grads((a: tf.Tensor, b: tf.Tensor) =>
          tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, 1, "same"),
        )([x, w], dy) as [tf.Tensor, tf.Tensor];
        // The convolution of another kernel of the backend, with an activation that changes nothing.
        const y = tf.fused.conv2d({ x, filter: w, strides: 1, pad: "same", activation: "linear" });
        expectClose(tf.conv2d(x, w, 1, "same").dataSync(), y.dataSync(), "value");
        // The convolution as a linear map and its gradients are each other's adjoints.
        const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
          Array.from({ length: a.length }).reduce((sum: number, _, i) => sum + (a[i] as number) * (b[i] as number), 0);
        const whole = dot(y.dataSync(), gradient);
        expect(dot(dx.dataSync(), image) / whole, "gradient of the image").toBeCloseTo(1, 4);
        expect(dot(dw.dataSync(), kernel) / whole, "gradient of the kernel").toBeCloseTo(1, 4);
      }),
    );
  });
});

async function expectEqual(
  backend: string,
  each: Case,
  apply: (x: tf.Tensor, w: tf.Tensor) => tf.Tensor,
): Promise<void> {
  const [image, kernel] = [values(each.image), values(each.kernel)];
  let weights: Float32Array | undefined;
  const differentiate = (): tf.Tensor[] =>
    tf.tidy(() => {
      const results = tf.grads((x: tf.Tensor, w: tf.Tensor) => {
        const y = apply(x, w);
        weights ??= values(y.shape);
        return tf.sum(tf.mul(y, tf.tensor(weights, y.shape)));
      })([tf.tensor(image.slice(), each.image), tf.tensor(kernel.slice(), each.kernel)]);
      const value = apply(tf.tensor(image.slice(), each.image), tf.tensor(kernel.slice(), each.kernel));
      return [...results, value];
    });
  const gradients = async (on: string): Promise<readonly Float32Array[]> => {
    const held = () => tf.findBackend(on).numDataIds();
    const before = held();
    const results = await onBackend({ tf, backend: on }, differentiate);
    const read = await Promise.all(results.map(async (result) => new Float32Array(await result.data())));
    tf.dispose(results);
    expect(held() - before, `values that ${on} did not free`).toBe(0);
    return read;
  };
  const expected = await gradients("cpu");
  const actual = await gradients(backend);
  for (const [at, name] of ["gradient of the image", "gradient of the kernel", "value"].entries()) {
    expectClose(actual[at] as Float32Array, expected[at] as Float32Array, name);
  }
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, name: string): void {
  expect(actual.length, name).toBe(expected.length);
  let [scale, error] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    scale = Math.max(scale, Math.abs(expected[i] as number));
    error = Math.max(error, Math.abs((actual[i] as number) - (expected[i] as number)));
  }
  expect(error / scale, name).toBeLessThan(1e-5);
}

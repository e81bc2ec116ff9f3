import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type PreprocessMode, preprocessInput } from "../../src/images/preprocess.js";
import type { NdArray } from "../../src/ndarray.js";

const golden: Record<string, string> = JSON.parse(
  readFileSync(new URL("../fixtures/images/preprocess.json", import.meta.url), "utf8"),
);

const pixels: NdArray<"uint8"> = {
  dtype: "uint8",
  shape: [16, 16, 3],
  data: Uint8Array.from({ length: 768 }, (_, at) => {
    const index = Math.floor(at / 3);
    return [index, (index * 7) % 256, 255 - index][at % 3] as number;
  }),
};

describe("preprocessInput", () => {
  test.each(["caffe", "tf", "torch"] as const)("mode %s equals Keras for every value, to the last bit", (mode) => {
    const expected = new Float32Array(new Uint8Array(Buffer.from(golden[mode] as string, "base64")).buffer);
    expect(expected).toHaveLength(768);
    const result = preprocessInput(pixels, mode);
    expect(result.shape).toEqual([16, 16, 3]);
    expect(result.data).toEqual(expected);
  });

  test("mode none keeps the values", () => {
    expect(preprocessInput(pixels, "none").data).toEqual(Float32Array.from(pixels.data));
  });

  test("takes batches, and leaves its input as it was", () => {
    const before = pixels.data.slice();
    const batch = preprocessInput({ ...pixels, shape: [2, 8, 16, 3] }, "caffe");
    expect(batch.shape).toEqual([2, 8, 16, 3]);
    expect(pixels.data).toEqual(before);
  });

  test("refuses channels first and unknown modes", () => {
    expect(() => preprocessInput({ ...pixels, shape: [3, 16, 16] }, "tf")).toThrow(/Channels come last/);
    expect(() => preprocessInput(pixels, "imagenet" as PreprocessMode)).toThrow(/"imagenet".*"caffe"/);
  });
});

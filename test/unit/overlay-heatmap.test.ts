import { describe, expect, test } from "vitest";
import { overlayHeatmap } from "../../src/explain/overlay-heatmap.js";
import type { NdArray } from "../../src/ndarray.js";

const image: NdArray<"uint8"> = { dtype: "uint8", shape: [8, 12, 3], data: new Uint8Array(288).fill(100) };
const map = (values: readonly number[], shape = [2, 3]): NdArray<"float32"> => ({
  dtype: "float32",
  shape,
  data: Float32Array.from(values),
});

function pixel({ data, shape }: NdArray<"uint8">, row: number, column: number): readonly number[] {
  const at = (row * (shape[1] as number) + column) * 3;
  return [...data.subarray(at, at + 3)];
}

describe("a heat map over its picture", () => {
  test("is yellow at 1 and dark blue at 0, at the places that it speaks of", () => {
    const shown = overlayHeatmap(image, map([1, 0, 0, 0, 0, 0]), { opacity: 1 });
    expect(shown.shape).toEqual([8, 12, 3]);
    expect(pixel(shown, 0, 0)).toEqual([253, 231, 37]);
    expect(pixel(shown, 7, 11)).toEqual([68, 1, 84]);
  });

  test("lets the picture through as far as it is transparent", () => {
    expect(pixel(overlayHeatmap(image, map([1, 1, 1, 1, 1, 1])), 4, 4)).toEqual([177, 166, 69]);
    expect(overlayHeatmap(image, map([1, 0, 1, 0, 1, 0]), { opacity: 0 }).data).toEqual(image.data);
  });

  test("has colours whose brightness rises all the way, for those who see no colours", () => {
    const steps = Array.from({ length: 33 }, (_, i) => i / 32);
    const shown = steps.map((value) => pixel(overlayHeatmap(image, map([value], [1, 1]), { opacity: 1 }), 0, 0));
    const brightness = shown.map(([r = 0, g = 0, b = 0]) => 0.2126 * r + 0.7152 * g + 0.0722 * b);
    for (const [i, value] of brightness.entries())
      if (i > 0) expect(value).toBeGreaterThan(brightness[i - 1] as number);
  });

  test.each([
    ["a heat map of all pictures", image, map([0, 0], [2, 1, 1]), {}, "ShapeMismatchError"],
    ["a picture without colours", { ...image, shape: [8, 36] }, map([0], [1, 1]), {}, "ShapeMismatchError"],
    ["a value above 1", image, map([1.5], [1, 1]), {}, "InvalidArgumentError"],
    ["a value of NaN", image, map([Number.NaN], [1, 1]), {}, "InvalidArgumentError"],
    ["an opacity of 2", image, map([0], [1, 1]), { opacity: 2 }, "InvalidArgumentError"],
  ] as const)("of %s is refused", (_, picture, heatmap, options, name) => {
    expect(() => overlayHeatmap(picture as NdArray<"uint8">, heatmap, options)).toThrow(
      expect.objectContaining({ name }),
    );
  });
});

import { expect, test } from "vitest";
import { toModelConfig } from "../../src/keras/model-config.js";
import type { Layer } from "../../src/network/layer.js";
import { layer, networkOf } from "../support/layers.js";

function written(each: Layer): object | undefined {
  const config = toModelConfig(networkOf([layer("InputLayer", "input"), each]));
  const { layers } = (config as unknown as { config: { layers: readonly object[] } }).config;
  return layers[1];
}

// Keras 3.15 drops such an axis from a layer that has no module: test/python/keras-layers.test.ts reads these files there.
test.each([
  layer("LayerNormalization", "x", ["input"], { axis: [1, 2, 3] }),
  layer("UnitNormalization", "x", ["input"], { axis: [1, 3] }),
  layer("Normalization", "x", ["input"], { axis: [] }),
])("a $className over other than one axis is written with its module", (each) => {
  const { axis } = each.config as { readonly axis: readonly number[] };
  expect(written(each)).toMatchObject({
    class_name: each.className,
    module: "keras.layers",
    registered_name: null,
    config: { axis: axis.length === 0 ? null : axis },
  });
});

test.each([
  layer("LayerNormalization", "x", ["input"], { axis: [-1] }),
  layer("Softmax", "x", ["input"], { axis: 2 }),
  layer("ReLU", "x", ["input"]),
])("a $className of one axis or none is written as Keras 2 does, without a module", (each) => {
  expect(written(each)).not.toHaveProperty("module");
});

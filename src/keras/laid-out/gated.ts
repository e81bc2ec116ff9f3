import { UnsupportedError } from "../../errors.js";
import type { Layer } from "../../network/layer.js";
import { formatShape, inferLayerShape } from "../../network/layer-shape.js";
import { isJsonObject, type JsonObject } from "../config-reader.js";
import type { CustomLayer, LayerComposition } from "../custom-layer.js";
import type { LayOut } from "./lay-out.js";
import { ownWeights } from "./other-axes.js";

/** Whether a layer ends in Keras's `glu`, which halves the last axis. */
export function isGated({ activation }: JsonObject): boolean {
  if (isJsonObject(activation)) return activation.class_name === "function" && activation.config === "glu";
  return activation === "glu";
}

/** A layer with `glu`: the first half of the last axis, times the sigmoid of the second. */
export function gated(kind: LayOut): (custom: CustomLayer) => LayerComposition {
  return (custom) => {
    const { inputs, inputShapes } = custom;
    const linear = kind("linear", inputs);
    const row = inferLayerShape(linear, inputShapes);
    const size = row.at(-1);
    const others = row.slice(0, -1);
    if (typeof size !== "number" || size % 2 !== 0 || others.filter((each) => each === null).length > 1) {
      throw new UnsupportedError(
        `Layer "${custom.name}" (${custom.className}) of the Keras model has the activation glu on ${formatShape(row)}: expected known sizes, of which the last is even.`,
      );
    }
    // Rows of one axis that can be cut.
    const together = others.length === 0 ? 1 : -1;
    const half = size / 2;
    const permute = (name: string, input: string): Layer => ({
      className: "Permute",
      name,
      inputs: [input],
      config: { dims: [2, 1] },
    });
    return {
      layers: [
        linear,
        { className: "Reshape", name: "rows", inputs: ["linear"], config: { targetShape: [together, size] } },
        permute("turned", "rows"),
        { className: "Cropping1D", name: "first", inputs: ["turned"], config: { cropping: [0, half] } },
        { className: "Cropping1D", name: "second", inputs: ["turned"], config: { cropping: [half, 0] } },
        { className: "Activation", name: "gate", inputs: ["second"], config: { activation: "sigmoid" } },
        { className: "Multiply", name: "gated", inputs: ["first", "gate"], config: {} },
        permute("turned_back", "gated"),
        {
          className: "Reshape",
          name: "glu",
          inputs: ["turned_back"],
          config: { targetShape: [...others.map((each) => each ?? -1), half] },
        },
      ],
      output: "glu",
      weights: ownWeights(linear, inputShapes[0] ?? []),
    };
  };
}

/** A causal SeparableConv1D, which Keras 3 no longer has: zeros before a row, and no other padding. */
export function causalSeparable(kind: LayOut, before: number): (custom: CustomLayer) => LayerComposition {
  return ({ inputs, inputShapes }) => {
    const layer = kind("convolution", ["padded"]);
    return {
      layers: [{ className: "ZeroPadding1D", name: "padded", inputs, config: { padding: [before, 0] } }, layer],
      output: "convolution",
      weights: ownWeights(layer, inputShapes[0] ?? []),
    };
  };
}

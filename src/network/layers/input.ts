import type { PreprocessMode } from "../../images/preprocess.js";
import type { ShapeRules } from "../layer-rules.js";
import { formatShape } from "../row-shape.js";
import { fail, onlyInput, requirePositive } from "./check-shape.js";

/** What comes in. */
export interface InputConfigs {
  /** Entry of the network. `shape` is without the batch axis; `null` is an axis of any size. */
  readonly InputLayer: { readonly shape: readonly (number | null)[]; readonly dtype: "float32" | "uint8" };
  /**
   * RGB pixels 0..255 to what a pretrained network expects, as `preprocess_input` of Keras does. Casts to float32.
   * Ours: Keras has this as a function outside of the model.
   */
  readonly PreprocessInput: { readonly mode: PreprocessMode };
}

export const inputShapes: ShapeRules<InputConfigs> = {
  InputLayer(layer) {
    for (const axis of layer.config.shape) if (axis !== null) requirePositive(layer, "shape", axis);
    return layer.config.shape;
  },
  PreprocessInput(layer, inputs) {
    const shape = onlyInput(layer, inputs);
    if (layer.config.mode !== "none" && shape.at(-1) !== 3) {
      fail(layer, `takes ${formatShape(shape)}: expected RGB images, [height, width, 3].`);
    }
    return shape;
  },
};

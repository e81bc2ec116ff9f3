import { UnsupportedError } from "../../errors.js";
import type { Layer } from "../../network/layer.js";
import { formatShape, type RowShape } from "../../network/layer-shape.js";
import { layerWeightShapes } from "../../network/weight-shapes.js";
import { isJsonList, type JsonObject } from "../config-reader.js";
import type { CustomLayer, LayerComposition } from "../custom-layer.js";
import type { LayOut } from "./lay-out.js";

/**
 * A normalisation of another axis than the last: the axis moves to the end and back. One whose axis turns out to be the
 * last stays as it is.
 */
export function normalizedOtherAxis(axis: number, kind: LayOut): (custom: CustomLayer) => LayerComposition {
  return (custom) => {
    const { name, inputs, inputShapes } = custom;
    const [input = ""] = inputs;
    const row = inputShapes[0] ?? [];
    const position = positionOf(axis, row, custom);
    if (position === row.length - 1) {
      const layer = kind(name, inputs);
      return { layers: [layer], output: name, weights: ownWeights(layer, row) };
    }
    const order = [...row.keys()].filter((at) => at !== position);
    const dims = [...order, position].map((at) => at + 1);
    const layer = kind("normalized", ["axis_last"]);
    return {
      layers: [
        { className: "Permute", name: "axis_last", inputs: [input], config: { dims } },
        layer,
        { className: "Permute", name: "axis_back", inputs: ["normalized"], config: { dims: inverse(dims) } },
      ],
      output: "axis_back",
      weights: ownWeights(
        layer,
        dims.map((dim) => row[dim - 1] ?? null),
      ),
    };
  };
}

/** A softmax over several axes together: they become one, the last, and come apart again. */
export function softmaxOverAxes(axes: readonly number[]): (custom: CustomLayer) => LayerComposition {
  return (custom) => {
    const [input = ""] = custom.inputs;
    const row = custom.inputShapes[0] ?? [];
    const positions = [...new Set(axes.map((axis) => positionOf(axis, row, custom)))].sort((a, b) => a - b);
    const others = [...row.keys()].filter((at) => !positions.includes(at));
    const dims = [...others, ...positions].map((at) => at + 1);
    const kept = others.map((at) => row[at] ?? -1);
    const together = positions.map((at) => row[at] ?? null);
    if (together.includes(null) || kept.filter((size) => size === -1).length > 1) {
      throw new UnsupportedError(
        `Layer "${custom.name}" (Softmax) of the Keras model is over the axes ${axes.join(", ")} of ${formatShape(row)}, whose sizes must be known for that. Give the model's input a fixed size.`,
      );
    }
    const product = together.reduce<number>((total, size) => total * (size as number), 1);
    const sizes = [...kept, ...together] as readonly number[];
    return {
      layers: [
        { className: "Permute", name: "axes_last", inputs: [input], config: { dims } },
        { className: "Reshape", name: "together", inputs: ["axes_last"], config: { targetShape: [...kept, product] } },
        { className: "Softmax", name: "softmax", inputs: ["together"], config: { axis: -1 } },
        { className: "Reshape", name: "apart", inputs: ["softmax"], config: { targetShape: sizes } },
        { className: "Permute", name: "axes_back", inputs: ["apart"], config: { dims: inverse(dims) } },
      ],
      output: "axes_back",
    };
  };
}

/** The axes that a config names, the batch counted as 0. */
export function axesIn(config: JsonObject): readonly number[] {
  const axis = config.axis ?? -1;
  const list = isJsonList(axis) ? axis : [axis];
  return list.filter((each): each is number => Number.isSafeInteger(each));
}

/** Says that a layer's weights are those of the Python layer itself. */
export function ownWeights(layer: Layer, row: RowShape): Readonly<Record<string, readonly string[]>> {
  const names = layerWeightShapes(layer, row).map(({ name }) => name);
  return names.length === 0 ? {} : { [layer.name]: names };
}

function positionOf(axis: number, row: RowShape, { name, className }: CustomLayer): number {
  const position = axis < 0 ? row.length + axis : axis - 1;
  if (position >= 0 && position < row.length) return position;
  throw new UnsupportedError(
    `Layer "${name}" (${className}) of the Keras model works on axis ${axis} of ${formatShape(row)}, which does not have it beside the batch (axis 0).`,
  );
}

function inverse(dims: readonly number[]): readonly number[] {
  return dims.map((_, at) => dims.indexOf(at + 1) + 1);
}

import { UnsupportedError } from "../../errors.js";
import type { Layer, Size2D } from "../../network/layer.js";
import { formatShape } from "../../network/layer-shape.js";
import type { CustomLayer, LayerComposition } from "../custom-layer.js";

/** Where each window of an adaptive pooling of one axis begins and ends. Source: Keras's TensorFlow backend. */
function windows(size: number, count: number): readonly Size2D[] {
  const part = (index: number) => Math.fround(Math.fround(index * size) / count);
  return Array.from({ length: count }, (_, index) => [
    Math.min(Math.floor(part(index)), size - 1),
    Math.min(Math.ceil(part(index + 1)), size),
  ]);
}

/** Pooling to a size: each axis on its own, in windows that may lie over each other. */
export function adaptivePooling(
  operation: "Average" | "Max",
  outputSize: readonly number[],
): (custom: CustomLayer) => LayerComposition {
  return ({ name, className, inputs, inputShapes }) => {
    const row = inputShapes[0] ?? [];
    const rank = outputSize.length;
    const sizes = row.slice(0, -1);
    if (sizes.length !== rank || sizes.includes(null)) {
      throw new UnsupportedError(
        `Layer "${name}" (${className}) of the Keras model takes ${formatShape(row)}: it can be run for a known size only. Give the model's input a fixed size.`,
      );
    }
    const layers: Layer[] = [];
    let [value = ""] = inputs;
    for (const [axis, count] of outputSize.entries()) {
      value = poolAxis(operation, layers, value, axis, rank, sizes[axis] as number, count);
    }
    return { layers, output: value };
  };
}

function poolAxis(
  operation: "Average" | "Max",
  layers: Layer[],
  input: string,
  axis: number,
  rank: number,
  size: number,
  count: number,
): string {
  const ranges = windows(size, count);
  const [[, first] = [0, 1]] = ranges;
  const step = (ranges[1]?.[0] ?? size) - 0;
  const isRegular = ranges.every(([start, end], at) => start === at * step && end - start === first);
  const name = (what: string) => `${what}${axis}`;
  const pooled = (own: string, from: string, length: number, stride: number): Layer =>
    rank === 1
      ? {
          className: `${operation}Pooling1D`,
          name: own,
          inputs: [from],
          config: { poolSize: length, strides: stride, padding: "valid" },
        }
      : {
          className: `${operation}Pooling2D`,
          name: own,
          inputs: [from],
          config: { poolSize: along(axis, length), strides: along(axis, stride), padding: "valid" },
        };
  if (isRegular) {
    layers.push(pooled(name("pooled"), input, first, step));
    return name("pooled");
  }
  for (const [at, [start, end]] of ranges.entries()) {
    const cropped = `${name("window")}_${at}`;
    const cropping: Size2D = [start, size - end];
    layers.push(
      rank === 1
        ? { className: "Cropping1D", name: cropped, inputs: [input], config: { cropping } }
        : {
            className: "Cropping2D",
            name: cropped,
            inputs: [input],
            config: { cropping: axis === 0 ? [cropping, [0, 0]] : [[0, 0], cropping] },
          },
      pooled(`${name("pooled")}_${at}`, cropped, end - start, 1),
    );
  }
  layers.push({
    className: "Concatenate",
    name: name("joined"),
    inputs: ranges.map((_, at) => `${name("pooled")}_${at}`),
    config: { axis: axis + 1 },
  });
  return name("joined");
}

function along(axis: number, size: number): Size2D {
  return axis === 0 ? [size, 1] : [1, size];
}

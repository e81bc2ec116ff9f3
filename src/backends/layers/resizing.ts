import type { Layer, Size2D } from "../../network/layer.js";
import { isResampled, type ResizingConfigs } from "../../network/layers/resizing.js";
import type { RowShape } from "../../network/row-shape.js";
import type { Operations } from "../operations.js";
import type { Evaluators } from "./evaluator.js";
import { resamplingMatrix } from "./resampling-matrix.js";

const none: Size2D = [0, 0];

export const resizingEvaluators: Evaluators<ResizingConfigs> = {
  ZeroPadding1D: ({ operations, layer, inputs: [x] }) => operations.pad(x, [layer.config.padding, none]),
  ZeroPadding2D: ({ operations, layer, inputs: [x] }) => operations.pad(x, [...layer.config.padding, none]),
  Cropping1D: ({ operations, layer, inputs: [x] }) => operations.crop(x, [layer.config.cropping, none]),
  Cropping2D: ({ operations, layer, inputs: [x] }) => operations.crop(x, [...layer.config.cropping, none]),
  UpSampling1D({ operations, layer, inputs: [x] }) {
    const image = operations.expandDims(x, [1]);
    return operations.squeeze(operations.resize(image, { scale: [1, layer.config.size] }, "nearest"), [1]);
  },
  UpSampling2D: ({ operations, layer, inputs: [x] }) =>
    operations.resize(x, { scale: layer.config.size }, layer.config.interpolation),
  Resizing({ operations, layer, inputs: [x], inputShapes }) {
    const { height, width, interpolation } = layer.config;
    if (interpolation !== "nearest" && isResampled(layer.config)) return resampled(operations, x, layer, inputShapes);
    return operations.resize(x, { size: [height, width] }, interpolation === "nearest" ? "nearest" : "bilinear");
  },
  CenterCrop({ operations, layer, inputs: [x], inputShapes }) {
    const [height, width] = inputShapes[0] as readonly [number, number];
    const middle = (size: number, wanted: number): Size2D => {
      const before = Math.floor((size - wanted) / 2);
      return [before, size - wanted - before];
    };
    return operations.crop(x, [middle(height, layer.config.height), middle(width, layer.config.width), none]);
  },
};

/** Each axis as a product with the matrix of what each of its pixels takes of the image's. */
function resampled<V>(o: Operations<V>, x: V, { config }: Layer<"Resizing">, inputShapes: readonly RowShape[]): V {
  const { height: toHeight, width: toWidth, interpolation, antialias } = config;
  const [height, width, channels] = inputShapes[0] as readonly [number, number, number];
  const along = (value: V, from: number, to: number, other: number): V => {
    const matrix = o.constant(resamplingMatrix(from, to, interpolation, antialias), [1, to, from]);
    const rows = o.multiplyMatrices(matrix, o.reshape(value, [from, other * channels]));
    return o.transpose(o.reshape(rows, [to, other, channels]), [0, 2, 1, 3]);
  };
  return along(along(x, height, toHeight, width), width, toWidth, toHeight);
}

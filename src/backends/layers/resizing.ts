import type { Size2D } from "../../network/layer.js";
import type { ResizingConfigs } from "../../network/layers/resizing.js";
import type { Evaluators } from "./evaluator.js";

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
  Resizing({ operations, layer, inputs: [x] }) {
    const { height, width, interpolation } = layer.config;
    return operations.resize(x, { size: [height, width] }, interpolation);
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

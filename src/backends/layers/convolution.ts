import type { Shape } from "../../ndarray.js";
import type { Layer, Padding, Size2D } from "../../network/layer.js";
import type { ConvolutionConfigs } from "../../network/layers/convolution.js";
import { type TransposedConvolutionConfigs, transposedCrop } from "../../network/layers/transposed-convolution.js";
import type { Operations, WeightView, WindowSettings } from "../operations.js";
import { applyRest, fusedPart } from "./activation.js";
import type { Application, Evaluators } from "./evaluator.js";

type AnyConvolution = ConvolutionConfigs & TransposedConvolutionConfigs;

export const convolutionEvaluators: Evaluators<AnyConvolution> = {
  Conv2D(application) {
    const { operations, layer, inputs } = application;
    const { config } = layer;
    const y = operations.convolve(
      inputs[0],
      {
        ...windowOf(application),
        kernel: view(application, "kernel"),
        bias: biasOf(application),
        activation: fusedPart(config.activation),
      },
      config.groups,
    );
    return applyRest(operations, y, config.activation);
  },
  DepthwiseConv2D(application) {
    const { operations, layer, inputs } = application;
    const { config } = layer;
    const y = operations.convolveDepthwise(inputs[0], {
      ...windowOf(application),
      kernel: view(application, "kernel"),
      bias: biasOf(application),
      activation: fusedPart(config.activation),
    });
    return applyRest(operations, y, config.activation);
  },
  SeparableConv2D(application) {
    const { operations, inputs } = application;
    const depthwise = operations.convolveDepthwise(inputs[0], {
      ...windowOf(application),
      kernel: view(application, "depthwise_kernel"),
      bias: undefined,
      activation: "linear",
    });
    return pointwise(application, depthwise, view(application, "pointwise_kernel"));
  },
  Conv2DTranspose(application) {
    const { operations, layer, inputs } = application;
    const { kernelSize, strides, padding, outputPadding, dilationRate } = layer.config;
    const crop = [0, 1].map((axis) =>
      transposedCrop({
        size: kernelSize[axis as 0 | 1],
        stride: strides[axis as 0 | 1],
        dilation: dilationRate[axis as 0 | 1],
        padding,
        outputPadding: outputPadding === null ? null : outputPadding[axis as 0 | 1],
      }),
    ) as [Size2D, Size2D];
    const y = operations.convolveTransposed(inputs[0], {
      kernel: view(application, "kernel"),
      bias: biasOf(application),
      strides,
      dilations: dilationRate,
      crop,
    });
    return applyAll(operations, y, layer);
  },
  // Of one axis: as images of height 1.
  Conv1D(application) {
    const { operations, layer } = application;
    const { config } = layer;
    const { x, padding } = image(application);
    const y = operations.convolve(
      x,
      {
        ...windowOf1D(application, padding),
        kernel: view(application, "kernel", true),
        bias: biasOf(application),
        activation: fusedPart(config.activation),
      },
      config.groups,
    );
    return operations.squeeze(applyRest(operations, y, config.activation), [1]);
  },
  DepthwiseConv1D(application) {
    const { operations, layer } = application;
    const { config } = layer;
    const { x, padding } = image(application);
    const y = operations.convolveDepthwise(x, {
      ...windowOf1D(application, padding),
      kernel: view(application, "kernel", true),
      bias: biasOf(application),
      activation: fusedPart(config.activation),
    });
    return operations.squeeze(applyRest(operations, y, config.activation), [1]);
  },
  SeparableConv1D(application) {
    const { operations } = application;
    const { x, padding } = image(application);
    const depthwise = operations.convolveDepthwise(x, {
      ...windowOf1D(application, padding),
      kernel: view(application, "depthwise_kernel", true),
      bias: undefined,
      activation: "linear",
    });
    const y = pointwise(application, depthwise, view(application, "pointwise_kernel", true));
    return operations.squeeze(y, [1]);
  },
  Conv1DTranspose(application) {
    const { operations, layer, inputs } = application;
    const { kernelSize, strides, padding, outputPadding, dilationRate } = layer.config;
    const crop = transposedCrop({ size: kernelSize, stride: strides, dilation: dilationRate, padding, outputPadding });
    const y = operations.convolveTransposed(operations.expandDims(inputs[0], [1]), {
      kernel: view(application, "kernel", true),
      bias: biasOf(application),
      strides: [1, strides],
      dilations: [1, dilationRate],
      crop: [[0, 0], crop],
    });
    return operations.squeeze(applyAll(operations, y, layer), [1]);
  },
};

type Pointwise = "SeparableConv1D" | "SeparableConv2D";

function pointwise<V>(application: Application<V, Pointwise>, x: V, kernel: WeightView): V {
  const { operations, layer } = application;
  const { activation } = layer.config;
  const y = operations.convolve(
    x,
    {
      size: [1, 1],
      strides: [1, 1],
      dilations: [1, 1],
      padding: "valid",
      inputSize: [null, null],
      kernel,
      bias: biasOf(application),
      activation: fusedPart(activation),
    },
    1,
  );
  return applyRest(operations, y, activation);
}

function applyAll<V>(operations: Operations<V>, y: V, layer: Layer<"Conv1DTranspose" | "Conv2DTranspose">): V {
  const { activation } = layer.config;
  const fused = fusedPart(activation);
  if (fused === "relu") return operations.unary("relu", y);
  if (fused === "relu6") return operations.clip(y, 0, 6);
  return applyRest(operations, y, activation);
}

function windowOf<V>({
  layer,
  inputShapes,
}: Application<V, "Conv2D" | "DepthwiseConv2D" | "SeparableConv2D">): WindowSettings {
  const { kernelSize, strides, dilationRate, padding } = layer.config;
  const [height = null, width = null] = inputShapes[0] ?? [];
  return { size: kernelSize, strides, dilations: dilationRate, padding, inputSize: [height, width] };
}

function windowOf1D<V>({ layer, inputShapes }: Application<V, RowConvolution>, padding: Padding): WindowSettings {
  const { kernelSize, strides, dilationRate } = layer.config;
  const [length = null] = inputShapes[0] ?? [];
  return {
    size: [1, kernelSize],
    strides: [1, strides],
    dilations: [1, dilationRate],
    padding,
    inputSize: [1, length],
  };
}

type RowConvolution = "Conv1D" | "DepthwiseConv1D" | "SeparableConv1D";

/** A row as an image of height 1, padded where the padding is `causal`, which lets no value see those after it. */
function image<V>(application: Application<V, RowConvolution>): {
  readonly x: V;
  readonly padding: Padding;
} {
  const { operations, layer, inputs } = application;
  const { padding, kernelSize, dilationRate } = layer.config;
  const x = operations.expandDims(inputs[0], [1]);
  if (padding !== "causal") return { x, padding };
  const before: Size2D = [(kernelSize - 1) * dilationRate, 0];
  return { x: operations.pad(x, [[0, 0], before, [0, 0]]), padding: "valid" };
}

function view<V>(application: Application<V>, name: string, ofRows = false): WeightView {
  const shape: Shape = application.weightShapes.find((weight) => weight.name === name)?.shape ?? [];
  return { name, shape: ofRows ? [1, ...shape] : shape };
}

function biasOf<V>(application: Application<V, keyof AnyConvolution>): WeightView | undefined {
  return application.layer.config.useBias ? view(application as Application<V>, "bias") : undefined;
}

import type { Padding } from "../../network/layer.js";
import type { ConvolutionConfigs } from "../../network/layers/convolution.js";
import type { TransposedConvolutionConfigs } from "../../network/layers/transposed-convolution.js";
import type { ConfigReader } from "../config-reader.js";
import { activation } from "./activation.js";
import type { KerasDialect, KindReaders } from "./kind-reader.js";
import { length, pair } from "./settings.js";

export const convolutionReaders: KindReaders<ConvolutionConfigs & TransposedConvolutionConfigs> = {
  Conv1D: (read, dialect) => ({
    filters: read.integer("filters"),
    ...window1D(read),
    padding: read.word("padding", ["valid", "same", "causal"], "valid"),
    groups: read.integer("groups", 1),
    ...ending(read, dialect),
  }),
  Conv2D: (read, dialect) => ({
    filters: read.integer("filters"),
    ...window2D(read),
    padding: padding(read),
    groups: read.integer("groups", 1),
    ...ending(read, dialect),
  }),
  DepthwiseConv1D: (read, dialect) => ({
    depthMultiplier: read.integer("depth_multiplier", 1),
    ...window1D(read),
    padding: padding(read),
    ...ending(read, dialect),
  }),
  DepthwiseConv2D: (read, dialect) => ({
    depthMultiplier: read.integer("depth_multiplier", 1),
    ...window2D(read),
    padding: padding(read),
    ...ending(read, dialect),
  }),
  SeparableConv1D: (read, dialect) => ({
    filters: read.integer("filters"),
    ...window1D(read),
    padding: padding(read),
    depthMultiplier: read.integer("depth_multiplier", 1),
    ...ending(read, dialect),
  }),
  SeparableConv2D: (read, dialect) => ({
    filters: read.integer("filters"),
    ...window2D(read),
    padding: padding(read),
    depthMultiplier: read.integer("depth_multiplier", 1),
    ...ending(read, dialect),
  }),
  Conv1DTranspose(read, dialect) {
    requireOneGroup(read);
    const extra = read.get("output_padding") ?? null;
    return {
      filters: read.integer("filters"),
      ...window1D(read),
      padding: padding(read),
      outputPadding: extra === null ? null : pair(read, "output_padding", Array.isArray(extra) ? extra[0] : extra)[0],
      ...ending(read, dialect),
    };
  },
  Conv2DTranspose(read, dialect) {
    requireOneGroup(read);
    const extra = read.get("output_padding") ?? null;
    return {
      filters: read.integer("filters"),
      ...window2D(read),
      padding: padding(read),
      outputPadding: extra === null ? null : pair(read, "output_padding", extra),
      ...ending(read, dialect),
    };
  },
};

function requireOneGroup(read: ConfigReader): void {
  if ((read.get("groups") ?? 1) !== 1) read.unsupported("groups", "1");
}

function padding(read: ConfigReader): Padding {
  return read.word("padding", ["valid", "same"], "valid");
}

function window1D(read: ConfigReader) {
  return {
    kernelSize: length(read, "kernel_size"),
    strides: length(read, "strides", 1),
    dilationRate: length(read, "dilation_rate", 1),
  };
}

function window2D(read: ConfigReader) {
  return {
    kernelSize: read.size("kernel_size"),
    strides: read.size("strides", [1, 1]),
    dilationRate: read.size("dilation_rate", [1, 1]),
  };
}

function ending(read: ConfigReader, dialect: KerasDialect) {
  return { useBias: read.boolean("use_bias", true), activation: activation(read, dialect) };
}

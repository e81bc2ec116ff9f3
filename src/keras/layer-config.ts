import { UnsupportedError } from "../errors.js";
import type { Activation, Layer } from "../network/layer.js";

/** A value of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What a Keras file says of one layer, apart from its place in the graph. */
export interface KerasLayer {
  readonly class_name: string;
  readonly config: { readonly [key: string]: Json };
}

/**
 * Writes a layer as Keras 2 does, which Keras 3 reads too: `batch_input_shape`, dtype by its name, no `groups` on a
 * depthwise convolution (Keras 3 refuses it there).
 *
 * @param l2 L2 penalty on the layer's kernel, as it is trained with; 0 for none
 * @throws UnsupportedError for a layer that Keras has no class for
 */
export function toKerasLayer(layer: Layer, l2 = 0): KerasLayer {
  const dtype = layer.className === "InputLayer" ? layer.config.dtype : "float32";
  const shared = { name: layer.name, trainable: true, dtype };
  const regularizer = l2 > 0 ? { class_name: "L2", config: { l2 } } : null;
  switch (layer.className) {
    case "InputLayer":
      return {
        class_name: "InputLayer",
        config: {
          batch_input_shape: [null, ...layer.config.shape],
          dtype,
          sparse: false,
          ragged: false,
          name: layer.name,
        },
      };
    case "PreprocessInput":
      throw new UnsupportedError(
        `Cannot write layer "${layer.name}" to a Keras file: Keras has no layer for \`preprocess_input\` (mode "${layer.config.mode}"). Save the network without it and call \`preprocess_input\` in Python.`,
      );
    case "Conv2D": {
      const { filters, kernelSize, strides, padding, dilationRate, groups, useBias, activation } = layer.config;
      return {
        class_name: "Conv2D",
        config: {
          ...shared,
          filters,
          kernel_size: kernelSize,
          strides,
          padding,
          data_format: "channels_last",
          dilation_rate: dilationRate,
          groups,
          activation: toKerasActivation(layer, activation),
          use_bias: useBias,
          kernel_regularizer: regularizer,
        },
      };
    }
    case "DepthwiseConv2D": {
      const { depthMultiplier, kernelSize, strides, padding, dilationRate, useBias, activation } = layer.config;
      return {
        class_name: "DepthwiseConv2D",
        config: {
          ...shared,
          kernel_size: kernelSize,
          strides,
          padding,
          depth_multiplier: depthMultiplier,
          data_format: "channels_last",
          dilation_rate: dilationRate,
          activation: toKerasActivation(layer, activation),
          use_bias: useBias,
          depthwise_regularizer: regularizer,
        },
      };
    }
    case "Dense": {
      const { units, useBias, activation } = layer.config;
      return {
        class_name: "Dense",
        config: {
          ...shared,
          units,
          activation: toKerasActivation(layer, activation),
          use_bias: useBias,
          kernel_regularizer: regularizer,
        },
      };
    }
    case "BatchNormalization": {
      const { epsilon, momentum, scale, center } = layer.config;
      return { class_name: "BatchNormalization", config: { ...shared, axis: -1, momentum, epsilon, center, scale } };
    }
    case "Activation":
      return {
        class_name: "Activation",
        config: { ...shared, activation: toKerasActivation(layer, layer.config.activation) },
      };
    case "ReLU": {
      const { maxValue, negativeSlope, threshold } = layer.config;
      return {
        class_name: "ReLU",
        config: { ...shared, max_value: maxValue, negative_slope: negativeSlope, threshold },
      };
    }
    case "MaxPooling2D":
    case "AveragePooling2D": {
      const { poolSize, strides, padding } = layer.config;
      return {
        class_name: layer.className,
        config: { ...shared, pool_size: poolSize, strides, padding, data_format: "channels_last" },
      };
    }
    case "GlobalAveragePooling2D":
    case "GlobalMaxPooling2D":
      return {
        class_name: layer.className,
        config: { ...shared, data_format: "channels_last", keepdims: layer.config.keepdims },
      };
    case "ZeroPadding2D":
      return {
        class_name: "ZeroPadding2D",
        config: { ...shared, padding: layer.config.padding, data_format: "channels_last" },
      };
    case "Concatenate":
      return { class_name: "Concatenate", config: { ...shared, axis: layer.config.axis } };
    case "Add":
      return { class_name: "Add", config: shared };
    case "Flatten":
      return { class_name: "Flatten", config: { ...shared, data_format: "channels_last" } };
    case "Reshape":
      return { class_name: "Reshape", config: { ...shared, target_shape: layer.config.targetShape } };
    case "Dropout":
      return { class_name: "Dropout", config: { ...shared, rate: layer.config.rate, noise_shape: null, seed: null } };
    default:
      throw new UnsupportedError(`Cannot write layer "${layer.name}" (${layer.className}) to a Keras file.`);
  }
}

function toKerasActivation(layer: Layer, activation: Activation): Json {
  if (typeof activation === "string") return activation;
  throw new UnsupportedError(`Cannot write layer "${layer.name}" (${layer.className}) to a Keras file.`);
}

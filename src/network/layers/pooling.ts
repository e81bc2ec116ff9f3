import type { Layer, Padding, Size2D } from "../layer.js";
import type { ShapeRules } from "../layer-rules.js";
import type { RowShape } from "../row-shape.js";
import { spatialInput, windowedSizes } from "./check-shape.js";

/** Pooling over rows `[length, channels]` and images `[height, width, channels]`. */
export interface PoolingConfigs {
  readonly MaxPooling1D: { readonly poolSize: number; readonly strides: number; readonly padding: Padding };
  readonly MaxPooling2D: { readonly poolSize: Size2D; readonly strides: Size2D; readonly padding: Padding };
  /** With `same`, padding does not count in the average. */
  readonly AveragePooling1D: { readonly poolSize: number; readonly strides: number; readonly padding: Padding };
  /** With `same`, padding does not count in the average. */
  readonly AveragePooling2D: { readonly poolSize: Size2D; readonly strides: Size2D; readonly padding: Padding };
  readonly GlobalAveragePooling1D: { readonly keepdims: boolean };
  readonly GlobalAveragePooling2D: { readonly keepdims: boolean };
  readonly GlobalMaxPooling1D: { readonly keepdims: boolean };
  readonly GlobalMaxPooling2D: { readonly keepdims: boolean };
}

export const poolingShapes: ShapeRules<PoolingConfigs> = {
  MaxPooling1D: pooled1D,
  MaxPooling2D: pooled2D,
  AveragePooling1D: pooled1D,
  AveragePooling2D: pooled2D,
  GlobalAveragePooling1D: (layer, inputs) => pooledWhole(layer, layer.config.keepdims, inputs, 1),
  GlobalAveragePooling2D: (layer, inputs) => pooledWhole(layer, layer.config.keepdims, inputs, 2),
  GlobalMaxPooling1D: (layer, inputs) => pooledWhole(layer, layer.config.keepdims, inputs, 1),
  GlobalMaxPooling2D: (layer, inputs) => pooledWhole(layer, layer.config.keepdims, inputs, 2),
};

function pooled1D(layer: Layer<"MaxPooling1D" | "AveragePooling1D">, inputs: readonly RowShape[]): RowShape {
  const { poolSize, strides, padding } = layer.config;
  const { sizes, channels } = spatialInput(layer, inputs, 1);
  const window = { size: [poolSize], strides: [strides], dilationRate: [1], padding };
  return [...windowedSizes(layer, sizes, window), channels];
}

function pooled2D(layer: Layer<"MaxPooling2D" | "AveragePooling2D">, inputs: readonly RowShape[]): RowShape {
  const { poolSize, strides, padding } = layer.config;
  const { sizes, channels } = spatialInput(layer, inputs, 2);
  const window = { size: poolSize, strides, dilationRate: [1, 1], padding };
  return [...windowedSizes(layer, sizes, window), channels];
}

function pooledWhole(layer: Layer, keepdims: boolean, inputs: readonly RowShape[], rank: 1 | 2): RowShape {
  const { sizes, channels } = spatialInput(layer, inputs, rank);
  return keepdims ? [...sizes.map(() => 1), channels] : [channels];
}

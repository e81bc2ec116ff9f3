import { kerasLayerOrder } from "../keras/keras-order.js";
import type { Activation, Layer, LayerClassName, LayerConfigs, Padding, Size2D } from "../network/layer.js";
import { inferLayerShape, type RowShape } from "../network/layer-shape.js";
import type { Topology } from "../network/network.js";

/** A layer's name. Where it is left out, the layer is called as Keras calls it in a fresh session. */
export interface NamedOptions {
  readonly name?: string;
}

/** How windows move. Defaults as in Keras. */
export interface WindowOptions extends NamedOptions {
  /** In both directions. Default 1; for a pool, its size. */
  readonly strides?: number;
  /** Default `valid`. */
  readonly padding?: Padding;
}

/** Settings of a convolution, with Keras's defaults. */
export interface ConvolutionOptions extends WindowOptions {
  /** Of `conv2D` only. Default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly useBias?: boolean;
  /** Default `linear`. */
  readonly activation?: Activation;
}

/** Settings of a batch normalization, with Keras's defaults. */
export interface BatchNormalizationOptions extends NamedOptions {
  /** Default 1e-3. */
  readonly epsilon?: number;
  /** Default 0.99. */
  readonly momentum?: number;
  /** Default true. */
  readonly scale?: boolean;
}

/** `[height, width]`, or one number for both. */
export type WindowSize = number | Size2D;

/**
 * Writes down the graph of a network with one picture as its input, as one does with Keras's functional API: each method
 * adds a layer, applied to the layers that it is given by name, and gives the new layer's name. Defaults are Keras's, and
 * so are the names of layers that are given none.
 */
export class GraphBuilder {
  readonly #layers: Layer[] = [];
  readonly #shapes = new Map<string, RowShape>();
  readonly #counts = new Map<string, number>();
  /** Name of the input layer. */
  readonly input: string;

  /** @param imageSize `[height, width]` of the pictures, which are RGB */
  constructor([height, width]: readonly [number, number]) {
    this.input = this.add("InputLayer", [], { shape: [height, width, 3], dtype: "float32" });
  }

  /** Height, width and channels of an image layer's output. */
  shapeOf(layer: string): readonly [height: number, width: number, channels: number] {
    const [height = 0, width = 0, channels = 0] = (this.#shapes.get(layer) ?? []) as readonly number[];
    return [height, width, channels];
  }

  /** Number of channels of an image layer's output. */
  channelsOf(layer: string): number {
    return this.shapeOf(layer)[2];
  }

  /** Adds a layer of any kind. @throws InvalidNetworkError if it does not take the shapes of its inputs */
  add<C extends LayerClassName>(
    className: C,
    inputs: readonly string[],
    config: LayerConfigs[C],
    name: string = this.freeName(className),
  ): string {
    const layer = { className, name, inputs, config } as unknown as Layer;
    const shapes = inputs.map((input) => this.#shapes.get(input) ?? []);
    this.#shapes.set(name, inferLayerShape(layer, shapes));
    this.#layers.push(layer);
    return name;
  }

  conv2D(from: string, filters: number, kernelSize: WindowSize, options: ConvolutionOptions = {}): string {
    const { strides = 1, padding = "valid", groups = 1, useBias = true, activation = "linear", name } = options;
    const config = {
      filters,
      kernelSize: both(kernelSize),
      strides: both(strides),
      padding,
      dilationRate: both(1),
      groups,
      useBias,
      activation,
    };
    return this.add("Conv2D", [from], config, name);
  }

  depthwiseConv2D(from: string, kernelSize: WindowSize, options: ConvolutionOptions = {}): string {
    const { strides = 1, padding = "valid", useBias = true, activation = "linear", name } = options;
    const config = {
      depthMultiplier: 1,
      kernelSize: both(kernelSize),
      strides: both(strides),
      padding,
      dilationRate: both(1),
      useBias,
      activation,
    };
    return this.add("DepthwiseConv2D", [from], config, name);
  }

  separableConv2D(from: string, filters: number, kernelSize: WindowSize, options: ConvolutionOptions = {}): string {
    const { strides = 1, padding = "valid", useBias = true, activation = "linear", name } = options;
    const config = {
      filters,
      kernelSize: both(kernelSize),
      strides: both(strides),
      padding,
      dilationRate: both(1),
      depthMultiplier: 1,
      useBias,
      activation,
    };
    return this.add("SeparableConv2D", [from], config, name);
  }

  dense(from: string, units: number, options: NamedOptions & { readonly activation?: Activation } = {}): string {
    const { activation = "linear", name } = options;
    return this.add("Dense", [from], { units, useBias: true, activation }, name);
  }

  batchNormalization(from: string, options: BatchNormalizationOptions = {}): string {
    const { epsilon = 1e-3, momentum = 0.99, scale = true, name } = options;
    return this.add("BatchNormalization", [from], { epsilon, momentum, scale, center: true }, name);
  }

  /** Over the channels of each pixel. */
  layerNormalization(from: string, epsilon: number, { name }: NamedOptions = {}): string {
    return this.add("LayerNormalization", [from], { axis: [-1], epsilon, scale: true, center: true }, name);
  }

  activation(from: string, activation: Activation, { name }: NamedOptions = {}): string {
    return this.add("Activation", [from], { activation }, name);
  }

  reLU(from: string, options: NamedOptions & { readonly maxValue?: number } = {}): string {
    const { maxValue = null, name } = options;
    return this.add("ReLU", [from], { maxValue, negativeSlope: 0, threshold: 0 }, name);
  }

  maxPooling2D(from: string, poolSize: number, options: WindowOptions = {}): string {
    return this.add("MaxPooling2D", [from], pool(poolSize, options), options.name);
  }

  averagePooling2D(from: string, poolSize: number, options: WindowOptions = {}): string {
    return this.add("AveragePooling2D", [from], pool(poolSize, options), options.name);
  }

  globalAveragePooling2D(from: string, options: NamedOptions & { readonly keepdims?: boolean } = {}): string {
    return this.add("GlobalAveragePooling2D", [from], { keepdims: options.keepdims ?? false }, options.name);
  }

  /** @param padding on all sides, or `[[top, bottom], [left, right]]` */
  zeroPadding2D(from: string, padding: number | readonly [Size2D, Size2D], { name }: NamedOptions = {}): string {
    const config = { padding: typeof padding === "number" ? ([both(padding), both(padding)] as const) : padding };
    return this.add("ZeroPadding2D", [from], config, name);
  }

  /**
   * Zero padding before a `valid` convolution of stride 2, so that it gives half the size, rounded up. `correct_pad` of
   * Keras's `imagenet_utils`.
   */
  padForStride2(from: string, kernelSize: number, options: NamedOptions = {}): string {
    const [height, width] = this.shapeOf(from);
    const half = Math.floor(kernelSize / 2);
    const sides = (size: number): Size2D => [half - 1 + (size % 2), half];
    return this.zeroPadding2D(from, [sides(height), sides(width)], options);
  }

  /** Along the channels. */
  concatenate(inputs: readonly string[], { name }: NamedOptions = {}): string {
    return this.add("Concatenate", inputs, { axis: 3 }, name);
  }

  sum(inputs: readonly string[], { name }: NamedOptions = {}): string {
    return this.add("Add", inputs, {}, name);
  }

  /** Values that are alike in all but the size of axes that have size 1. */
  product(inputs: readonly string[], { name }: NamedOptions = {}): string {
    return this.add("Multiply", inputs, {}, name);
  }

  /** x * scale + offset. */
  rescaling(from: string, scale: number | readonly number[], offset: number, { name }: NamedOptions = {}): string {
    return this.add("Rescaling", [from], { scale, offset }, name);
  }

  /** Of each channel; without `statistics` they are weights. */
  normalization(
    from: string,
    statistics: { readonly mean: readonly number[]; readonly variance: readonly number[] } | null,
    { name }: NamedOptions = {},
  ): string {
    const { mean, variance } = statistics ?? { mean: null, variance: null };
    return this.add("Normalization", [from], { axis: [-1], mean, variance, invert: false }, name);
  }

  flatten(from: string, { name }: NamedOptions = {}): string {
    return this.add("Flatten", [from], {}, name);
  }

  reshape(from: string, targetShape: readonly number[], { name }: NamedOptions = {}): string {
    return this.add("Reshape", [from], { targetShape }, name);
  }

  dropout(from: string, rate: number, { name }: NamedOptions = {}): string {
    return this.add("Dropout", [from], { rate }, name);
  }

  /** The graph up to a layer, in Keras's order. */
  topology(name: string, output: string): Topology {
    const built: Topology = { name, layers: this.#layers, inputs: [this.input], outputs: [output] };
    const byName = new Map(built.layers.map((layer) => [layer.name, layer]));
    return { ...built, layers: kerasLayerOrder(built).map((layer) => byName.get(layer) as Layer) };
  }

  /** A name as Keras gives it to what has none, for what is an operation and no layer there: `add`, `add_1`, ... */
  freeName(className: string): string {
    const stem = snakeCase(className);
    const count = this.#counts.get(stem) ?? 0;
    this.#counts.set(stem, count + 1);
    return count === 0 ? stem : `${stem}_${count}`;
  }
}

function both(size: WindowSize): Size2D {
  return typeof size === "number" ? [size, size] : size;
}

function pool(
  poolSize: number,
  { strides = poolSize, padding = "valid" }: WindowOptions,
): LayerConfigs["MaxPooling2D"] {
  return { poolSize: both(poolSize), strides: both(strides), padding };
}

/** `MaxPooling2D` is `max_pooling2d`, `ReLU` is `re_lu`: `to_snake_case` of Keras. */
function snakeCase(className: string): string {
  return className
    .replace(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
}

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Backbone } from "../../src/backbones/backbone.js";
import { type MobileNetAlpha, mobilenet } from "../../src/backbones/mobilenet.js";
import { type MobileNetV2Alpha, mobilenetV2 } from "../../src/backbones/mobilenet-v2.js";
import { type MobileNetV3Alpha, mobilenetV3Large, mobilenetV3Small } from "../../src/backbones/mobilenet-v3.js";
import { type BackboneName, resolveBackbone } from "../../src/backbones/resolve-backbone.js";
import type { NdArray } from "../../src/ndarray.js";
import type { Topology } from "../../src/network/network.js";
import { inferShapes } from "../../src/network/shapes.js";
import { weightShapes } from "../../src/network/weight-shapes.js";

/** A backbone and what was built of it. */
export interface GoldenBackbone {
  readonly backbone: BackboneName;
  readonly alpha?: number;
  readonly includeTop: boolean;
}

/** A network of `keras.applications`. */
export interface GoldenTopology extends GoldenBackbone {
  readonly imageSize: readonly [number, number];
  readonly name: string;
  readonly parameters: number;
  /** What Keras downloads for it; absent at sizes other than the one that it was trained with. */
  readonly weightsFile?: { readonly url: string; readonly fileName: string; readonly hash?: string };
  readonly layerCount: number;
  /** Of the list that {@link describeLayers} makes. */
  readonly layersSha256: string;
  /** Written out for one network of each family, so that a fault can be seen. */
  readonly layers?: readonly (readonly [
    name: string,
    className: string,
    outputShape: readonly number[],
    weights: readonly (readonly [name: string, shape: readonly number[]])[],
  ])[];
}

/** Values of one layer. */
export interface GoldenLayer {
  readonly name: string;
  /** With the batch axis. */
  readonly shape: readonly number[];
  /** Greatest absolute value: the measure for tolerances. */
  readonly maximum: number;
  /** Mean over height and width, `[batch][channel]`; absent for outputs without height and width. */
  readonly average?: readonly (readonly number[])[];
  readonly samples: readonly (readonly [flatIndex: number, value: number])[];
}

/** A network with the weights of `randomWeights(topology, seed)`, and values of some of its layers. */
export interface GoldenRandomNetwork extends GoldenBackbone {
  readonly imageSize: readonly [number, number];
  readonly seed: number;
  readonly input: {
    readonly shape: readonly number[];
    readonly amplitude: number;
    readonly offset: number;
    readonly phase: number;
  };
  readonly weightsSha256: string;
  /** Where float32's rounding alone needs more than what is usual. */
  readonly tolerance?: number;
  readonly layers: readonly GoldenLayer[];
}

/** Real weights: photographs to vectors. */
export interface GoldenPhotographs {
  /** Paths in the shared data. */
  readonly images: readonly string[];
  readonly models: readonly (GoldenBackbone & {
    /** File in the shared data's `weights/`. */
    readonly weights: string;
    readonly preprocess: "caffe" | "tf";
    readonly layer: string;
    /** `[image][channel]`: the layer's mean over height and width. */
    readonly average: readonly (readonly number[])[];
    readonly top3?: readonly (readonly (readonly [classIndex: number, probability: number])[])[];
  })[];
}

/** Reads one of the golden files. */
export function readTopologies(): readonly GoldenTopology[] {
  return read("topologies.json") as readonly GoldenTopology[];
}

/** Reads one of the golden files. */
export function readRandomNetworks(): readonly GoldenRandomNetwork[] {
  return read("random-weights.json") as readonly GoldenRandomNetwork[];
}

/** Reads one of the golden files. */
export function readPhotographs(): GoldenPhotographs {
  return read("photographs.json") as GoldenPhotographs;
}

/** The backbone that a golden value belongs to. */
export function goldenBackbone({ backbone, alpha }: GoldenBackbone): Backbone {
  if (alpha === undefined) return resolveBackbone(backbone);
  const ofWidth = byWidth[backbone];
  if (ofWidth === undefined) throw new Error(`"${backbone}" has no width.`);
  return ofWidth(alpha);
}

const byWidth: Partial<Record<BackboneName, (alpha: number) => Backbone>> = {
  mobilenet: (alpha) => mobilenet({ alpha: alpha as MobileNetAlpha }),
  mobilenetv2: (alpha) => mobilenetV2({ alpha: alpha as MobileNetV2Alpha }),
  mobilenetv3small: (alpha) => mobilenetV3Small({ alpha: alpha as MobileNetV3Alpha }),
  mobilenetv3large: (alpha) => mobilenetV3Large({ alpha: alpha as MobileNetV3Alpha }),
};

/** What of a layer's settings the golden values tell, by class. */
const settings: Readonly<Record<string, readonly string[]>> = {
  Conv2D: ["strides", "padding", "dilationRate", "groups", "useBias", "activation"],
  DepthwiseConv2D: ["depthMultiplier", "strides", "padding", "dilationRate", "useBias", "activation"],
  SeparableConv2D: ["depthMultiplier", "strides", "padding", "dilationRate", "useBias", "activation"],
  Dense: ["useBias", "activation"],
  BatchNormalization: ["epsilon", "momentum", "scale", "center"],
  LayerNormalization: ["epsilon", "scale", "center"],
  LayerScale: ["initValues", "projectionDim"],
  Normalization: ["mean", "variance", "invert"],
  Rescaling: ["scale", "offset"],
  CustomScaleLayer: ["scale"],
  Activation: ["activation"],
  ReLU: ["maxValue", "negativeSlope", "threshold"],
  MaxPooling2D: ["poolSize", "strides", "padding"],
  AveragePooling2D: ["poolSize", "strides", "padding"],
  GlobalAveragePooling2D: ["keepdims"],
  ZeroPadding2D: ["padding"],
  Cropping2D: ["cropping"],
  Concatenate: ["axis"],
  Dropout: ["rate"],
  Reshape: ["targetShape"],
};

/** A network's layers as the golden values describe Keras's: name, class, output shape, weights, inputs, settings. */
export function describeLayers(topology: Topology): readonly (readonly unknown[])[] {
  const shapes = inferShapes(topology);
  const weights = weightShapes(topology);
  return topology.layers.map((layer) => {
    const config = layer.config as Readonly<Record<string, unknown>>;
    return [
      layer.name,
      layer.className,
      shapes.get(layer.name),
      (weights.get(layer.name) ?? []).map(({ name, shape }) => [name, shape]),
      layer.inputs,
      (settings[layer.className] ?? []).map((setting) => plain(config[setting])),
    ];
  });
}

/** A setting as JSON that Python and JavaScript write alike: fractions are counted in billionths. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === "number" && !Number.isInteger(value) ? `${Math.round(value * 1e9)}e-9` : value;
}

/** The input that a golden value was computed from. */
export function goldenInput({ shape, amplitude, offset, phase }: GoldenRandomNetwork["input"]): NdArray<"float32"> {
  const length = shape.reduce((product, axis) => product * axis, 1);
  const data = Float32Array.from({ length }, (_, i) => offset + amplitude * Math.sin(0.37 * i + phase));
  return { dtype: "float32", shape, data };
}

/**
 * Greatest difference between a layer's values and the golden ones, as a share of the output's greatest value; compares
 * averages and samples. NaN where a value is missing or NaN.
 */
export function goldenDifference(golden: GoldenLayer, values: NdArray<"float32">): number {
  if (values.shape.join() !== golden.shape.join()) {
    throw new Error(
      `"${golden.name}" has the shape [${values.shape.join(", ")}]: expected [${golden.shape.join(", ")}].`,
    );
  }
  let greatest = 0;
  const compare = (value: number, expected: number): void => {
    greatest = Math.max(greatest, Math.abs(value - expected));
  };
  for (const [position, expected] of golden.samples) compare(values.data[position] ?? Number.NaN, expected);
  for (const [row, channels] of (golden.average ?? []).entries()) {
    const [, height = 0, width = 0] = golden.shape;
    const pixels = height * width;
    for (const [channel, expected] of channels.entries()) {
      let sum = 0;
      for (let pixel = 0; pixel < pixels; pixel++) {
        sum += values.data[(row * pixels + pixel) * channels.length + channel] ?? Number.NaN;
      }
      compare(sum / pixels, expected);
    }
  }
  return greatest / golden.maximum;
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(fileURLToPath(new URL(`../fixtures/backbones/${name}`, import.meta.url)), "utf8"));
}

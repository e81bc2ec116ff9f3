import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Backbone } from "../../src/backbones/backbone.js";
import { type MobileNetAlpha, mobilenet } from "../../src/backbones/mobilenet.js";
import { type BackboneName, resolveBackbone } from "../../src/backbones/resolve-backbone.js";
import type { NdArray } from "../../src/ndarray.js";

/** A backbone and what was built of it. */
export interface GoldenBackbone {
  readonly backbone: BackboneName;
  readonly alpha?: MobileNetAlpha;
  readonly includeTop: boolean;
}

/** A network of `keras.applications`. */
export interface GoldenTopology extends GoldenBackbone {
  readonly imageSize: readonly [number, number];
  readonly name: string;
  readonly parameters: number;
  readonly layers: readonly (readonly [
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
  return alpha === undefined ? resolveBackbone(backbone) : mobilenet({ alpha });
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

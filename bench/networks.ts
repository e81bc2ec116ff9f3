import type { BackboneName, PreprocessMode } from "cnn-transfer";

/** A backbone that is measured, at the size that it was trained with, with the weights that can be had offline. */
export interface MeasuredNetwork {
  readonly backbone: BackboneName;
  readonly weights: "random" | "imagenet";
  readonly size: readonly [number, number];
  readonly layer: string;
  readonly preprocess: PreprocessMode;
  /** Rounds of forward passes. */
  readonly rounds: number;
  /** Pictures of one extraction: some seconds of work. */
  readonly pictures: number;
}

const vgg16 = { backbone: "vgg16", weights: "random", size: [224, 224], layer: "block5_pool" } as const;
const vggMini = { backbone: "vgg-mini", weights: "imagenet", size: [64, 64], layer: "block5_pool" } as const;
const squeezenet = { backbone: "squeezenet", weights: "random", size: [227, 227], layer: "fire9/concat" } as const;
const mobilenet = { backbone: "mobilenet", weights: "random", size: [224, 224], layer: "conv_pw_13_relu" } as const;

/** A large network, where the forward pass is all, and small ones, where decoding counts as much or more. */
export const measuredNetworks: readonly MeasuredNetwork[] = [
  { ...vgg16, preprocess: "caffe", rounds: 5, pictures: 96 },
  { ...squeezenet, preprocess: "caffe", rounds: 15, pictures: 900 },
  { ...mobilenet, preprocess: "tf", rounds: 15, pictures: 600 },
  { ...vggMini, preprocess: "caffe", rounds: 15, pictures: 1500 },
];

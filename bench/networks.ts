import type { BackboneName } from "cnn-transfer";

/** A backbone that is measured, at the size that it was trained with, with the weights that can be had offline. */
export interface MeasuredNetwork {
  readonly backbone: BackboneName;
  readonly weights: "random" | "imagenet";
  readonly size: readonly [number, number];
  readonly layer: string;
  /** How often each batch is run; the fastest run counts. */
  readonly times: number;
}

/** A large network, where the forward pass is all, and a small one, where decoding counts as much. */
export const measuredNetworks: readonly MeasuredNetwork[] = [
  { backbone: "vgg16", weights: "random", size: [224, 224], layer: "block5_pool", times: 3 },
  { backbone: "vgg-mini", weights: "imagenet", size: [64, 64], layer: "block5_pool", times: 20 },
];

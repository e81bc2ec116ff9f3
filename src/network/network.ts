import type { NdArray } from "../ndarray.js";
import type { Layer } from "./layer.js";

/** One weight of a layer: Keras's short name (`kernel`, `bias`, `gamma`, `moving_mean`, ...) and its values. */
export interface Weight {
  readonly name: string;
  readonly array: NdArray<"float32">;
}

/** Weights by layer name; within a layer in Keras's order: trainable ones, then the others. */
export type NetworkWeights = ReadonlyMap<string, readonly Weight[]>;

/**
 * The graph of a network without its weights. `layers` is in an order in which every layer stands after its inputs, and
 * equals Keras's order of `model.layers` for networks that come from Keras.
 */
export interface Topology {
  readonly name: string;
  readonly layers: readonly Layer[];
  /** Names of the InputLayers, in the order in which values are given. */
  readonly inputs: readonly string[];
  /** Names of the layers whose values are the network's result, in order. */
  readonly outputs: readonly string[];
}

/**
 * A convolutional network as plain data: a graph of layers and the weights of each. Readers and backbones make it,
 * backends run it, writers save it. It holds no tensors of any runtime and can be sent to a worker as it is.
 */
export interface Network extends Topology {
  readonly weights: NetworkWeights;
}

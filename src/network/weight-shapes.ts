import type { Shape } from "../ndarray.js";
import type { Layer } from "./layer.js";
import type { RowShape } from "./layer-shape.js";
import type { Topology } from "./network.js";
import { inferShapes } from "./shapes.js";

/** Name and shape of one weight that a layer needs. */
export interface WeightShape {
  /** Keras's short name: `kernel`, `bias`, `gamma`, `beta`, `moving_mean`, `moving_variance`. */
  readonly name: string;
  readonly shape: Shape;
}

/**
 * The weights that a network needs: for each layer that has weights of its own, their names and shapes in Keras's order
 * (trainable ones first). Layers without weights, and those that use another's (`weightsOf`), are not in the map. The
 * map is in the order of `topology.layers`.
 *
 * @throws InvalidNetworkError if the graph or its shapes are not valid, or a shape that weights depend on is unknown
 */
export function weightShapes(topology: Topology): ReadonlyMap<string, readonly WeightShape[]> {
  const shapes = inferShapes(topology);
  const needed = new Map<string, readonly WeightShape[]>();
  for (const layer of topology.layers) {
    const [input] = layer.inputs;
    const inputShape = input === undefined ? undefined : shapes.get(input);
    if (inputShape === undefined) continue;
    const weights = layerWeightShapes(layer, inputShape);
    if (weights.length > 0 && layer.weightsOf === undefined) needed.set(layer.name, weights);
  }
  return needed;
}

/**
 * Names and shapes of one layer's weights in Keras's order, from the shape of its input without the batch axis (the last
 * axis must be known); empty for a kind of layer that has none.
 */
export function layerWeightShapes(layer: Layer, inputShape: RowShape): readonly WeightShape[] {
  const channels = inputShape.at(-1) ?? 0;
  switch (layer.className) {
    case "Conv2D": {
      const { kernelSize, groups, filters, useBias } = layer.config;
      return withBias([...kernelSize, channels / groups, filters], filters, useBias);
    }
    case "DepthwiseConv2D": {
      const { kernelSize, depthMultiplier, useBias } = layer.config;
      return withBias([...kernelSize, channels, depthMultiplier], channels * depthMultiplier, useBias);
    }
    case "Dense": {
      const { units, useBias } = layer.config;
      return withBias([channels, units], units, useBias);
    }
    case "BatchNormalization": {
      const { scale, center } = layer.config;
      const names = [...(scale ? ["gamma"] : []), ...(center ? ["beta"] : []), "moving_mean", "moving_variance"];
      return names.map((name) => ({ name, shape: [channels] }));
    }
    default:
      return [];
  }
}

function withBias(kernel: Shape, outputs: number, useBias: boolean): readonly WeightShape[] {
  const weights = [{ name: "kernel", shape: kernel }];
  return useBias ? [...weights, { name: "bias", shape: [outputs] }] : weights;
}

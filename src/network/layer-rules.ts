import type { Shape } from "../ndarray.js";
import type { Layer, LayerClassName } from "./layer.js";
import type { RowShape } from "./row-shape.js";

/** Name and shape of one weight that a layer needs. */
export interface WeightShape {
  /** Keras's short name: `kernel`, `bias`, `gamma`, `beta`, `moving_mean`, `moving_variance`, `alpha`, ... */
  readonly name: string;
  readonly shape: Shape;
}

/**
 * For each kind of a family, how the shape of its output follows from those of its inputs. A rule also checks that the
 * layer's settings make sense for these inputs, and throws InvalidNetworkError where they do not.
 */
export type ShapeRules<Configs> = {
  readonly [C in keyof Configs & LayerClassName]: (layer: Layer<C>, inputs: readonly RowShape[]) => RowShape;
};

/** For the kinds of a family that have weights, what they are, in Keras's order (trainable ones first). */
export type WeightRules<Configs> = {
  readonly [C in keyof Configs & LayerClassName]?: (layer: Layer<C>, input: RowShape) => readonly WeightShape[];
};

import type { Layer, LayerClassName } from "../../network/layer.js";
import type { WeightShape } from "../../network/layer-rules.js";
import type { RowShape } from "../../network/row-shape.js";
import type { Operations } from "../operations.js";

/** One layer with what it takes. */
export interface Application<V, C extends LayerClassName = LayerClassName> {
  readonly operations: Operations<V>;
  readonly layer: Layer<C>;
  /** At least one; of the kinds that take one, exactly one. */
  readonly inputs: readonly [V, ...V[]];
  /** Shapes of the inputs' rows; null where a size is not known before the network runs. */
  readonly inputShapes: readonly RowShape[];
  /** Shapes of the layer's weights. */
  readonly weightShapes: readonly WeightShape[];
}

/** For each kind of a family, how its value is computed. */
export type Evaluators<Configs> = {
  readonly [C in keyof Configs & LayerClassName]: <V>(application: Application<V, C>) => V;
};

/** An axis as Keras counts it, which may be negative, as one that is not. */
export function axisOf(axis: number, rank: number): number {
  return axis < 0 ? rank + axis : axis;
}

import type { layers } from "@tensorflow/tfjs-layers";
import type { Layer } from "../../network/layer.js";
import { inferLayerShape, type RowShape } from "../../network/layer-shape.js";
import { layerWeightShapes } from "../../network/weight-shapes.js";
import { evaluateLayer } from "./evaluate-layer.js";
import type { Tensor, Tfjs } from "./shared-tfjs.js";

type TfjsLayers = typeof import("@tensorflow/tfjs-layers");
type BatchShape = (number | null)[];

const className = "CnnTransferLayer";

/** Settings of a {@link defineComposedLayer | composed layer}, as they stand in a saved model. */
export interface ComposedLayerConfig {
  readonly name: string;
  readonly layer: Layer;
}

/** Constructor of composed layers. */
export type ComposedLayerConstructor = new (config: ComposedLayerConfig) => layers.Layer;

// One class for each copy of tfjs-layers, as a class registered twice would hide the first.
const defined = new WeakMap<object, ComposedLayerConstructor>();

/**
 * Defines a tfjs layer that computes any layer of ours through {@link evaluateLayer}, and registers it with tfjs as
 * `CnnTransferLayer` so that saved models load again.
 */
export function defineComposedLayer(tf: Tfjs, tfl: TfjsLayers): ComposedLayerConstructor {
  const existing = defined.get(tfl.layers.Layer);
  if (existing !== undefined) return existing;

  class ComposedLayer extends tfl.layers.Layer {
    static readonly className = className;
    readonly #layer: Layer;

    constructor({ name, layer }: ComposedLayerConfig) {
      super({ name });
      this.#layer = layer;
    }

    override build(inputShape: BatchShape | BatchShape[]): void {
      const [row] = rowShapes(inputShape);
      const weights = row === undefined ? [] : layerWeightShapes(this.#layer, row);
      for (const { name, shape } of weights) {
        this.addWeight(name, [...shape], "float32", tfl.initializers.zeros() as never, undefined as never, true);
      }
      this.built = true;
    }

    override computeOutputShape(inputShape: BatchShape | BatchShape[]): BatchShape {
      return [null, ...inferLayerShape(this.#layer, rowShapes(inputShape))];
    }

    override call(inputs: Tensor | Tensor[]): Tensor {
      const values = (Array.isArray(inputs) ? inputs : [inputs]).map((value) => tf.cast(value, "float32"));
      const weights = this.weights.map((weight) => weight.read());
      return tf.tidy(() => evaluateLayer(tf, this.#layer, values, weights));
    }

    override getConfig() {
      return { ...super.getConfig(), layer: this.#layer as never };
    }
  }

  (tf.serialization.registerClass as (definition: unknown) => void)(ComposedLayer);
  defined.set(tfl.layers.Layer, ComposedLayer);
  return ComposedLayer;
}

function rowShapes(shape: BatchShape | BatchShape[]): readonly RowShape[] {
  const shapes = Array.isArray(shape[0]) ? (shape as BatchShape[]) : [shape as BatchShape];
  return shapes.map((each) => each.slice(1));
}

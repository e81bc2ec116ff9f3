import { InvalidArgumentError } from "../errors.js";
import { checkOneOf } from "../options/check-option.js";
import { freeName } from "./free-name.js";
import type { Layer } from "./layer.js";
import type { RowShape } from "./row-shape.js";

/**
 * How a layer's `[height, width, channels]` values become features: `avg` and `max` take the mean or greatest value of
 * each channel (Keras's `pooling`), `flatten` puts them into one row (channels last), `none` leaves them.
 */
export type Pooling = "avg" | "max" | "flatten" | "none";

/** Every pooling that {@link Pooling} names. */
const poolings: readonly Pooling[] = ["avg", "max", "flatten", "none"];

const poolingLayers = {
  avg: { className: "GlobalAveragePooling2D", config: { keepdims: false } },
  max: { className: "GlobalMaxPooling2D", config: { keepdims: false } },
  flatten: { className: "Flatten", config: {} },
} as const;

/** @throws InvalidArgumentError if it is given and unknown */
export function checkPooling(pooling: Pooling | undefined): void {
  if (pooling !== undefined) checkOneOf("pooling", pooling, poolings);
}

/** A layer to be put behind another, if there is one, and which pooling that is. */
export interface ResolvedPooling {
  readonly pooling: Pooling;
  /** Undefined for `none`. */
  readonly layer: Layer | undefined;
}

/**
 * The layer that pools another's values.
 *
 * @param of the layer whose values are pooled
 * @param pooling `avg` for a layer with a height and a width, else `none`, if undefined
 * @param names of all layers; that of the new one is added
 * @throws InvalidArgumentError for a pooling that does not fit the layer
 */
export function poolingLayer(
  of: { readonly name: string; readonly shape: RowShape },
  pooling: Pooling = of.shape.length === 3 ? "avg" : "none",
  names: Set<string>,
): ResolvedPooling {
  if (pooling === "none") return { pooling, layer: undefined };
  if (of.shape.length !== 3 && pooling !== "flatten") {
    throw new InvalidArgumentError(
      `\`pooling: "${pooling}"\` needs a layer with height, width and channels, but "${of.name}" gives [${of.shape.join(", ")}]. ` +
        'Pass `pooling: "none"`.',
    );
  }
  const name = freeName(`${of.name}_${pooling}`, names);
  return { pooling, layer: { ...poolingLayers[pooling], name, inputs: [of.name] } as Layer };
}

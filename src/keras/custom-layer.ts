import { InvalidArgumentError } from "../errors.js";
import type { NdArray, Shape } from "../ndarray.js";
import type { Layer } from "../network/layer.js";
import type { RowShape } from "../network/layer-shape.js";
import type { WeightShape } from "../network/weight-shapes.js";
import { describeValue } from "../options/check-option.js";
import type { ModelEntry } from "./model-tree.js";

/** One use of a layer of the model's own class, as a {@link ComposeLayer} gets it. */
export interface CustomLayer {
  /** Class in Python, without its package. */
  readonly className: string;
  readonly name: string;
  /** What the class's `get_config` gave, with Keras's names: `config["ratio"]`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Names by which the composition takes the layer's inputs. */
  readonly inputs: readonly string[];
  /** Their shapes without the batch axis, such as `[height, width, channels]`; null is any size. */
  readonly inputShapes: readonly RowShape[];
}

/** Where a weight of a known layer comes from. */
export interface WeightSource {
  /** Path of attributes in Python: `squeeze/kernel` is `self.squeeze.kernel`, `gamma` is `self.gamma`. */
  readonly variable: string;
  /** Shape in the file, where it is another than the known layer's. */
  readonly shape?: Shape | undefined;
  /** Turns it into the known layer's shape, in which it must come back. */
  readonly convert?: ((stored: NdArray<"float32">) => NdArray<"float32">) | undefined;
}

/** What a custom layer computes, in layers that are known. */
export interface LayerComposition {
  /**
   * Each after its inputs, with names that are unique among these. Those with weights stand in the order in which the
   * Python layer makes its own.
   */
  readonly layers: readonly Layer[];
  /** Name of the one whose value is the custom layer's. */
  readonly output: string;
  /**
   * For a layer with weights, where each comes from, in the order of its weights: a path of attributes, or more. Default:
   * the Python layer has an attribute of the layer's name, so that `squeeze` takes `squeeze/kernel` and `squeeze/bias`.
   */
  readonly weights?: Readonly<Record<string, readonly (string | WeightSource)[]>> | undefined;
}

/** Says what a custom layer computes. */
export type ComposeLayer = (layer: CustomLayer) => LayerComposition;

/** What a model's own layers compute, by class name, or by Keras's `package>Name` for one that is registered. */
export type CustomLayers = Readonly<Record<string, ComposeLayer>>;

/** A weight of a part of a custom layer, with where it comes from. */
export interface PartWeight extends WeightShape {
  /** Name in the network of the layer that it belongs to. */
  readonly part: string;
  readonly source: WeightSource;
}

/** A custom layer laid out as known ones. */
export interface ComposedLayer {
  readonly layers: readonly Layer[];
  /** Weights of all layers, in the order in which the custom layer has them. */
  readonly weights: readonly PartWeight[];
  /** Whether it is of the model's own class, and not one of Keras that takes several layers. */
  readonly isOwn: boolean;
}

/** A layer in a model, which may be one of the model's own. */
export interface PlacedLayer {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly weightsOf?: string;
  /** Present if it is to be laid out. */
  readonly custom?: { readonly entry: ModelEntry; readonly compose: ComposeLayer; readonly isOwn: boolean };
}

/**
 * The function for a layer's class, if `customLayers` has one.
 *
 * @throws InvalidArgumentError if it is no object, or what it has is no function
 */
export function composerOf(
  { className, registeredName }: ModelEntry,
  customLayers: CustomLayers | undefined,
): ComposeLayer | undefined {
  if (customLayers === undefined) return undefined;
  if (typeof customLayers !== "object" || customLayers === null || Array.isArray(customLayers)) {
    throw new InvalidArgumentError(
      `\`customLayers\` is ${describeValue(customLayers)}: expected an object with a function for each class.`,
    );
  }
  const keys = [registeredName, className, plainName(className)];
  const key = keys.find((name) => name !== undefined && Object.hasOwn(customLayers, name));
  const compose: unknown = key === undefined ? undefined : customLayers[key];
  if (compose === undefined || typeof compose === "function") return compose as ComposeLayer | undefined;
  throw new InvalidArgumentError(
    `\`customLayers\` has ${describeValue(compose)} for "${key}": expected a function that gives layers.`,
  );
}

/** A class's name without the package that it is registered for: `my_package>SqueezeExcite`. */
export function plainName(className: string): string {
  return className.replace(/^.*>/, "");
}

import { InvalidArgumentError, isCnnTransferError, UnsupportedError } from "../errors.js";
import type { NdArray, Shape } from "../ndarray.js";
import type { Layer } from "../network/layer.js";
import { inferLayerShape, type RowShape } from "../network/layer-shape.js";
import type { Topology } from "../network/network.js";
import { type WeightShape, weightShapes } from "../network/weight-shapes.js";
import type { ModelEntry } from "./model-tree.js";

/** One use of a layer of the model's own class, as a {@link ComposeLayer} gets it. */
export interface CustomLayer {
  /** Class in Python, without its package. */
  readonly className: string;
  readonly name: string;
  /** What the class's `get_config` gave, with Keras's names: `config.ratio`. */
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

/** The function for a layer's class, if `customLayers` has one. */
export function composerOf(
  { className, registeredName }: ModelEntry,
  customLayers: CustomLayers | undefined,
): ComposeLayer | undefined {
  if (customLayers === undefined) return undefined;
  const keys = [registeredName, className, plainName(className)];
  const key = keys.find((name) => name !== undefined && Object.hasOwn(customLayers, name));
  return key === undefined ? undefined : customLayers[key];
}

/** A class's name without the package that it is registered for: `my_package>SqueezeExcite`. */
function plainName(className: string): string {
  return className.replace(/^.*>/, "");
}

/**
 * Puts known layers in the place of custom ones. The layer that gives the custom layer's value has its name; the others
 * have it before theirs: `se/squeeze`.
 *
 * @param placed in an order in which each stands after its inputs
 * @param taken names that the network has already
 * @returns the layers, and what custom layers consist of, by name
 * @throws InvalidArgumentError if a composition is not one: it names class and layer
 */
export function composeCustomLayers(
  placed: readonly (Layer | PlacedLayer)[],
  taken: Set<string>,
): { readonly layers: readonly Layer[]; readonly composed: ReadonlyMap<string, ComposedLayer> } {
  const shapes = new Map<string, RowShape>();
  const layers: Layer[] = [];
  const composed = new Map<string, ComposedLayer>();
  const names = new Map<string, ReadonlyMap<string, string>>();
  for (const layer of placed) {
    const inputShapes = layer.inputs.map((input) => shapes.get(input) ?? []);
    if (!("custom" in layer) || layer.custom === undefined) {
      const known = layer as Layer;
      layers.push(known);
      shapes.set(known.name, inferLayerShape(known, inputShapes));
      continue;
    }
    const { entry, compose, isOwn } = layer.custom;
    const composition = checkedComposition(entry, inputShapes, compose, isOwn);
    const own = partNames(layer.name, layer.inputs, composition, taken);
    names.set(layer.name, own);
    const parts = placeParts(composition, own, layer.weightsOf === undefined ? undefined : names.get(layer.weightsOf));
    for (const part of parts) {
      layers.push(part);
      shapes.set(
        part.name,
        inferLayerShape(
          part,
          part.inputs.map((input) => shapes.get(input) ?? []),
        ),
      );
    }
    // One layer in the place of one is a plain layer.
    if (parts.length === 1 && !isOwn) continue;
    composed.set(layer.name, { layers: parts, weights: partWeights(composition, own), isOwn });
  }
  return { layers, composed };
}

interface CheckedComposition extends LayerComposition {
  readonly inputs: readonly string[];
  readonly needed: ReadonlyMap<string, readonly WeightShape[]>;
  readonly sources: ReadonlyMap<string, readonly WeightSource[]>;
}

function checkedComposition(
  { className, name, config }: ModelEntry,
  inputShapes: readonly RowShape[],
  compose: ComposeLayer,
  isOwn: boolean,
): CheckedComposition {
  const inputs = inputShapes.length === 1 ? ["input"] : inputShapes.map((_, index) => `input_${index}`);
  const fail = (what: string, cause?: unknown): never => {
    throw new InvalidArgumentError(
      isOwn
        ? `What \`customLayers\` gives for layer "${name}" (${className}) is no composition: ${what}`
        : `Layer "${name}" (${className}) of the Keras model cannot be run on what it takes: ${what}`,
      { cause },
    );
  };
  const composition = compose({ className: plainName(className), name, config, inputs, inputShapes });
  if (!Array.isArray(composition?.layers)) {
    return fail('expected { layers: [...], output: "name of one of them" }.');
  }
  const { layers, output, weights = {} } = composition;
  const topology: Topology = {
    name,
    layers: [
      ...inputShapes.map((shape, index): Layer => {
        const input = { shape, dtype: "float32" } as const;
        return { className: "InputLayer", name: inputs[index] as string, inputs: [], config: input };
      }),
      ...layers,
    ],
    inputs,
    outputs: [output],
  };
  let needed: ReadonlyMap<string, readonly WeightShape[]> = new Map();
  try {
    needed = weightShapes(topology);
  } catch (error) {
    if (!isCnnTransferError(error)) throw error;
    fail(error.message, error);
  }
  for (const part of Object.keys(weights)) {
    if (!needed.has(part)) fail(`\`weights\` has some for "${part}", which is no layer in it with weights.`);
  }
  const sources = new Map<string, readonly WeightSource[]>();
  for (const [part, shapes] of needed) {
    const given = weights[part] ?? shapes.map((weight) => `${part}/${weight.name}`);
    if (given.length !== shapes.length) {
      const expected = shapes.map((weight) => weight.name).join(", ");
      fail(`\`weights\` has ${given.length} for "${part}", which needs ${shapes.length}: ${expected}.`);
    }
    sources.set(
      part,
      given.map((source) => (typeof source === "string" ? { variable: source } : source)),
    );
  }
  const variables = [...sources.values()].flat().map(({ variable }) => variable);
  const twice = variables.find((variable, at) => variables.indexOf(variable) !== at);
  if (twice !== undefined) {
    fail(`it takes "${twice}" twice. A layer that is applied twice has \`weightsOf\` the second time.`);
  }
  return { layers, output, inputs, needed, sources };
}

/** Names in the network of a composition's inputs and layers. */
function partNames(
  name: string,
  inputs: readonly string[],
  composition: CheckedComposition,
  taken: Set<string>,
): ReadonlyMap<string, string> {
  const names = new Map(composition.inputs.map((input, index) => [input, inputs[index] as string]));
  if (names.has(composition.output)) {
    throw new UnsupportedError(`Custom layer "${name}" gives its input back: put an Identity into its composition.`);
  }
  for (const part of composition.layers) {
    let own = part.name === composition.output ? name : `${name}/${part.name}`;
    while (own !== name && taken.has(own)) own += "_";
    taken.add(own);
    names.set(part.name, own);
  }
  return names;
}

/** @param first names of the parts of the application whose weights these use */
function placeParts(
  { layers }: LayerComposition,
  names: ReadonlyMap<string, string>,
  first: ReadonlyMap<string, string> | undefined,
): readonly Layer[] {
  return layers.map((layer) => {
    const { weightsOf, ...rest } = layer;
    const local = weightsOf ?? (first === undefined ? undefined : layer.name);
    const owner = local === undefined ? undefined : (first ?? names).get(local);
    return {
      ...rest,
      name: names.get(layer.name) as string,
      inputs: layer.inputs.map((input) => names.get(input) as string),
      ...(owner === undefined ? {} : { weightsOf: owner }),
    } as Layer;
  });
}

function partWeights(
  { needed, sources }: CheckedComposition,
  names: ReadonlyMap<string, string>,
): readonly PartWeight[] {
  const all = [...needed].flatMap(([part, shapes]) =>
    shapes.map((weight, index): PartWeight => {
      const source = sources.get(part)?.[index] as WeightSource;
      return { ...weight, part: names.get(part) as string, source };
    }),
  );
  // Keras lists a layer's own weights before those of the layers in it.
  const isOwn = ({ source }: PartWeight) => !source.variable.includes("/");
  return [...all.filter(isOwn), ...all.filter((weight) => !isOwn(weight))];
}

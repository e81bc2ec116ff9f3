import { InvalidArgumentError, isCnnTransferError, UnsupportedError } from "../errors.js";
import type { Layer } from "../network/layer.js";
import { inferLayerShape, type RowShape } from "../network/layer-shape.js";
import type { Topology } from "../network/network.js";
import { type WeightShape, weightShapes } from "../network/weight-shapes.js";
import { compositionFault } from "./check-composition.js";
import {
  type ComposedLayer,
  type ComposeLayer,
  type LayerComposition,
  type PartWeight,
  type PlacedLayer,
  plainName,
  type WeightSource,
} from "./custom-layer.js";
import type { ModelEntry } from "./model-tree.js";

/**
 * The layers of a model, with known ones in the place of custom ones; see {@link composeCustomLayers}.
 *
 * @throws UnsupportedError naming a layer, if the model had its channels first
 */
export function withoutCustomLayers(
  placed: readonly (Layer | PlacedLayer)[],
  taken: Set<string>,
  channelsFirst: boolean,
): ReturnType<typeof composeCustomLayers> {
  const isKnown = (layer: Layer | PlacedLayer): layer is Layer => "className" in layer;
  if (placed.every(isKnown)) return { layers: placed, composed: new Map() };
  if (channelsFirst) {
    const name = placed.find((layer) => !isKnown(layer))?.name;
    throw new UnsupportedError(
      `Layer "${name}" of the Keras model is run as several layers, and others have their channels first; that cannot be run here together.`,
    );
  }
  return composeCustomLayers(placed, taken);
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
function composeCustomLayers(
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
  const fault = compositionFault(composition);
  if (fault !== undefined) return fail(fault);
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

import { UnsupportedError } from "../errors.js";
import type { Layer } from "../network/layer.js";
import type { Topology } from "../network/network.js";
import { inferShapes } from "../network/shapes.js";
import { isChannelsFirst, withChannelsLast, withTurnedAxes } from "./channels-first.js";
import type { Json } from "./layer-config.js";
import { type ModelEntry, type ModelTree, malformedModel, readModelTree } from "./model-tree.js";
import { type LayerKind, normalizedAxis, placeLayer, readKerasLayer } from "./read-layer.js";
import type { Place } from "./read-nodes.js";

/** Where a layer of a flat topology stands in the Keras model. */
export interface LayerOrigin {
  /** Name in the topology. */
  readonly name: string;
  readonly entry: ModelEntry;
  /** Names of the models that it is in, outermost first, without the whole model itself. */
  readonly within: readonly string[];
  /** Whether neither it nor a model that it is in was frozen. */
  readonly trainable: boolean;
}

/** A Keras model laid flat. */
export interface FlatModel {
  readonly topology: Topology;
  /** For each layer that is not another application of one before, in the order of the config. */
  readonly origins: readonly LayerOrigin[];
  /** The model with channels last. */
  readonly tree: ModelTree;
  /** Whether it had them first: its pictures are `[height, width, channels]` all the same. */
  readonly channelsFirst: boolean;
  /** Version of Keras that wrote its config, where known. */
  readonly kerasVersion?: string | undefined;
}

/** The axis of each layer as the file has it, by the layer's name in the topology. */
function axesOf(
  given: ModelTree,
  origins: ReadonlyMap<ModelEntry, LayerOrigin>,
  turned: ModelTree,
): ReadonlyMap<string, Json | undefined> {
  const axes = new Map<string, Json | undefined>();
  for (const [index, entry] of turned.entries.entries()) {
    const original = given.entries[index];
    if (original === undefined) continue;
    if (entry.model !== undefined && original.model !== undefined) {
      for (const [name, axis] of axesOf(original.model, origins, entry.model)) axes.set(name, axis);
    } else {
      const name = origins.get(entry)?.name;
      if (name !== undefined) axes.set(name, original.config.axis);
    }
  }
  return axes;
}

/** More layers than any network has; models that apply models that apply models would come to any number. */
const mostLayers = 200_000;

/**
 * Reads the `model_config` of a Keras file: Functional and Sequential models in the dialects of Keras 2 and 3. A layer
 * that is applied more than once becomes one layer for each application.
 *
 * Models inside of it are laid flat: their layers keep their names where these are unique in the whole model, else they
 * have the names of the models before them (`encoder/dense`).
 *
 * @param kerasVersion version that wrote it, as some names have another meaning in Keras 3; undefined if it is not known
 * @throws UnsupportedError naming layer and class, for what we do not run
 * @throws InvalidModelError if it is not of the form that Keras writes, or its graph has a cycle
 */
export function readTopology(modelConfig: Json, kerasVersion?: string): Topology {
  return flattenModel(readModelTree(modelConfig), kerasVersion).topology;
}

/**
 * Lays a model flat; see {@link readTopology}.
 *
 * @throws UnsupportedError naming layer and class, for what we do not run
 * @throws InvalidModelError if its graph is not one
 */
export function flattenModel(given: ModelTree, kerasVersion: string | undefined): FlatModel {
  const channelsFirst = isChannelsFirst(given);
  const tree = channelsFirst ? withChannelsLast(given) : given;
  const names = nameLayers(tree);
  const taken = new Set(names.values());
  const kinds = new Map<ModelEntry, LayerKind>();
  const origins = new Map<ModelEntry, LayerOrigin>();
  const first: Application[] = [];
  const again: Application[] = [];
  /** What stands at a place: the layer that makes it, or the place in another model where it comes from. */
  const made = new Map<string, string>();
  const same = new Map<string, ScopedPlace>();
  let scopes = 0;

  /** Adds the layers of one application of a model; `given` are its inputs where it stands inside of another. */
  function apply(
    model: ModelTree,
    within: readonly string[],
    trainable: boolean,
    given: readonly ScopedPlace[] | undefined,
  ): readonly ScopedPlace[] {
    const scope = scopes++;
    if (scopes > mostLayers) throw tooManyLayers();
    const here = (place: Place): ScopedPlace => ({ ...place, scope });
    if (given !== undefined) {
      if (given.length !== model.inputs.length) {
        throw malformedModel(
          `the model "${model.name}" in it has ${model.inputs.length} inputs but is applied to ${given.length}`,
        );
      }
      for (const [index, place] of model.inputs.entries()) same.set(placeKey(here(place)), given[index] as ScopedPlace);
    }
    for (const entry of model.entries) {
      if (given !== undefined && entry.className === "InputLayer") continue;
      for (const [node, inputs] of entry.applications.entries()) {
        const scoped = inputs.map(here);
        if (entry.model !== undefined) {
          const results = apply(entry.model, [...within, entry.name], trainable && entry.model.trainable, scoped);
          for (const [tensor, result] of results.entries()) {
            same.set(placeKey({ scope, layer: entry.name, node, tensor }), result);
          }
          continue;
        }
        if (first.length + again.length >= mostLayers) throw tooManyLayers();
        if (!kinds.has(entry))
          kinds.set(entry, readKerasLayer(entry.className, entry.name, entry.config, kerasVersion));
        const owner = origins.get(entry);
        const own = names.get(entry) as string;
        const name = owner === undefined ? own : freeName(`${own}_${countOf(entry)}`, taken);
        if (owner === undefined) {
          origins.set(entry, { name, entry, within, trainable: trainable && entry.config.trainable !== false });
        }
        made.set(placeKey({ scope, layer: entry.name, node, tensor: 0 }), name);
        (owner === undefined ? first : again).push({ name, entry, inputs: scoped });
      }
    }
    return model.outputs.map(here);
  }

  const counts = new Map<ModelEntry, number>();
  function countOf(entry: ModelEntry): number {
    const count = (counts.get(entry) ?? 0) + 1;
    counts.set(entry, count);
    return count;
  }

  /** The layer that makes what stands at a place. */
  function nameAt(wanted: ScopedPlace): string {
    let place = wanted;
    for (let steps = 0; ; steps++) {
      const name = made.get(placeKey(place));
      if (name !== undefined) return name;
      const next = same.get(placeKey(place));
      if (next === undefined) break;
      if (steps > same.size) throw malformedModel(`its graph has a cycle, in which layer "${place.layer}" takes part`);
      place = next;
    }
    if (place.tensor !== 0 && made.has(placeKey({ ...place, tensor: 0 }))) {
      throw new UnsupportedError(
        `The Keras model takes output ${place.tensor} of layer "${place.layer}"; only layers with one output can be run here.`,
      );
    }
    throw malformedModel(`it refers to node ${place.node} of layer "${place.layer}", which is not there`);
  }

  const outputs = apply(tree, [], tree.trainable, undefined);
  // Repeated applications last: they move up to where they are needed, and the others keep Keras's order.
  const layers = [...first, ...again].map(({ name, entry, inputs }) => {
    const owner = origins.get(entry)?.name;
    return placeLayer(kinds.get(entry) as LayerKind, name, inputs.map(nameAt), owner === name ? undefined : owner);
  });
  const topology: Topology = {
    name: tree.name,
    layers: inputsFirst(layers),
    inputs: tree.inputs.map((place) => nameAt({ ...place, scope: 0 })),
    outputs: outputs.map(nameAt),
  };
  checkNormalizedAxes(topology, [...origins.values()]);
  return {
    topology: channelsFirst ? withTurnedAxes(topology, axesOf(given, origins, tree)) : topology,
    origins: [...origins.values()],
    tree,
    channelsFirst,
    kerasVersion,
  };
}

function tooManyLayers(): Error {
  return malformedModel(`it comes to more than ${mostLayers} layers when its inner models are laid flat`);
}

interface ScopedPlace extends Place {
  /** Which application of which model the place is in. */
  readonly scope: number;
}

interface Application {
  readonly name: string;
  readonly entry: ModelEntry;
  readonly inputs: readonly ScopedPlace[];
}

function placeKey({ scope, layer, node, tensor }: ScopedPlace): string {
  return `${scope}/${node}/${tensor}/${layer}`;
}

/** A name for each layer of a model and of those inside of it; layers of the outermost keep theirs. */
function nameLayers(tree: ModelTree): ReadonlyMap<ModelEntry, string> {
  const inner: { readonly entry: ModelEntry; readonly within: readonly string[] }[] = [];
  const walk = (model: ModelTree, within: readonly string[]): void => {
    for (const entry of model.entries) {
      if (entry.model !== undefined) walk(entry.model, [...within, entry.name]);
      else if (within.length > 0 && entry.className !== "InputLayer") inner.push({ entry, within });
    }
  };
  walk(tree, []);
  const outer = tree.entries.filter(({ model }) => model === undefined);
  const uses = new Map<string, number>();
  for (const { name } of [...outer, ...inner.map(({ entry }) => entry)]) uses.set(name, (uses.get(name) ?? 0) + 1);
  const taken = new Set([...uses].filter(([, count]) => count === 1).map(([name]) => name));
  const names = new Map<ModelEntry, string>();
  for (const entry of outer) {
    names.set(entry, entry.name);
    taken.add(entry.name);
  }
  for (const { entry, within } of inner) {
    const unique = uses.get(entry.name) === 1;
    names.set(entry, unique ? entry.name : freeName([...within, entry.name].join("/"), taken));
  }
  return names;
}

function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  while (taken.has(name)) name += "_";
  taken.add(name);
  return name;
}

/**
 * The layers in an order in which each stands after its inputs and after the layer whose weights it takes. A list that
 * is so already stays as it is.
 */
function inputsFirst(layers: readonly Layer[]): readonly Layer[] {
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const ordered = new Set<Layer>();
  const entered = new Set<Layer>();
  // A stack of our own: a chain of layers may be longer than the call stack is deep.
  const stack = [...layers].reverse();
  for (let layer = stack.at(-1); layer !== undefined; layer = stack.at(-1)) {
    const needed = [...layer.inputs, ...(layer.weightsOf === undefined ? [] : [layer.weightsOf])];
    const missing = needed.map((name) => byName.get(name) as Layer).filter((input) => !ordered.has(input));
    if (missing.length === 0) {
      ordered.add(layer);
      stack.pop();
      continue;
    }
    if (entered.has(layer)) throw malformedModel(`its graph has a cycle, in which layer "${layer.name}" takes part`);
    entered.add(layer);
    for (const input of missing.reverse()) stack.push(input);
  }
  return [...ordered];
}

function checkNormalizedAxes(topology: Topology, origins: readonly LayerOrigin[]): void {
  const axes = new Map(
    origins
      .filter(({ entry }) => entry.className.startsWith("BatchNormalization"))
      .map(({ name, entry }) => [name, normalizedAxis(entry.config)]),
  );
  if ([...axes.values()].every((axis) => axis === undefined)) return;
  const shapes = inferShapes(topology);
  for (const { name, className, weightsOf } of topology.layers) {
    const axis = className === "BatchNormalization" ? axes.get(weightsOf ?? name) : undefined;
    const rank = shapes.get(name)?.length;
    if (axis === undefined || axis === rank) continue;
    throw new UnsupportedError(
      `Layer "${name}" (BatchNormalization) of the Keras model normalises axis ${axis}; only the last axis, here ${rank}, can be run.`,
    );
  }
}

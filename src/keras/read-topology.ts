import { UnsupportedError } from "../errors.js";
import type { Layer } from "../network/layer.js";
import type { Topology } from "../network/network.js";
import { isChannelsFirst, withChannelsLast, withTurnedAxes } from "./channels-first.js";
import { withoutCustomLayers } from "./compose-layers.js";
import {
  type ComposedLayer,
  type ComposeLayer,
  type CustomLayers,
  composerOf,
  type PlacedLayer,
} from "./custom-layer.js";
import { freeName, nameLayers } from "./flat-names.js";
import { inputsFirst } from "./inputs-first.js";
import { laidOut } from "./laid-out/lay-out.js";
import { pixelCenters } from "./laid-out/up-sampling.js";
import type { Json } from "./layer-config.js";
import { type ModelEntry, type ModelTree, malformedModel, readModelTree } from "./model-tree.js";
import { type LayerKind, placeLayer, readKerasLayer } from "./read-layer.js";
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
  /** What the model's own layers consist of, by their names in the topology. */
  readonly composed: ReadonlyMap<string, ComposedLayer>;
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
 * @param customLayers what layers of the model's own compute
 * @throws UnsupportedError naming layer and class, for what we do not run
 * @throws InvalidModelError if its graph is not one
 */
export function flattenModel(
  given: ModelTree,
  kerasVersion: string | undefined,
  customLayers?: CustomLayers,
): FlatModel {
  const channelsFirst = isChannelsFirst(given);
  const tree = channelsFirst ? withChannelsLast(given) : given;
  const names = nameLayers(tree);
  const centers = pixelCenters(tree, kerasVersion);
  const taken = new Set(names.values());
  const kinds = new Map<ModelEntry, LayerKind | ComposeLayer>();
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
          kinds.set(
            entry,
            composerOf(entry, customLayers) ??
              laidOut(entry, kerasVersion, centers) ??
              readKerasLayer(entry.className, entry.name, entry.config, kerasVersion),
          );
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
  const placed = [...first, ...again].map(({ name, entry, inputs }): Layer | PlacedLayer => {
    const owner = origins.get(entry)?.name;
    const shared = owner === undefined || owner === name ? {} : { weightsOf: owner };
    const kind = kinds.get(entry) as LayerKind | ComposeLayer;
    const takes = inputs.map(nameAt);
    return typeof kind === "function"
      ? {
          name,
          inputs: takes,
          ...shared,
          custom: { entry, compose: kind, isOwn: composerOf(entry, customLayers) !== undefined },
        }
      : placeLayer(kind, name, takes, shared.weightsOf);
  });
  const { layers, composed } = withoutCustomLayers(inputsFirst(placed), taken, channelsFirst);
  const topology: Topology = {
    name: tree.name,
    layers,
    inputs: tree.inputs.map((place) => nameAt({ ...place, scope: 0 })),
    outputs: outputs.map(nameAt),
  };
  return {
    topology: channelsFirst ? withTurnedAxes(topology, axesOf(given, origins, tree)) : topology,
    origins: [...origins.values()],
    composed,
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

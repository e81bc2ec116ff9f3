import { InvalidModelError, UnsupportedError } from "../errors.js";
import { configReader, isJsonList, isJsonObject, type JsonObject, show } from "./config-reader.js";
import { modernLayer } from "./keras1-layer.js";
import type { Json } from "./layer-config.js";
import { declaredShape } from "./read-layer.js";
import { applications, type Place, places } from "./read-nodes.js";

/** A layer as a model config holds it, or a model that stands in the place of one. */
export interface ModelEntry {
  readonly className: string;
  /** Keras 3's `package>Name`, where it has one. */
  readonly registeredName?: string | undefined;
  readonly name: string;
  readonly config: JsonObject;
  /** What each of its applications takes. */
  readonly applications: readonly (readonly Place[])[];
  /** Present if the entry is itself a model. */
  readonly model?: ModelTree | undefined;
}

/** A model as its config describes it: models inside of it are still models. */
export interface ModelTree {
  readonly name: string;
  readonly entries: readonly ModelEntry[];
  readonly inputs: readonly Place[];
  readonly outputs: readonly Place[];
  /** False if all of it was frozen. */
  readonly trainable: boolean;
}

/** Names of the classes that are models. */
const modelClasses: readonly string[] = ["Functional", "Sequential", "Model"];

/** Models inside of models; more is no model of Keras. */
const greatestNesting = 50;

/** Says what is wrong with a model config. */
export function malformedModel(what: string): InvalidModelError {
  return new InvalidModelError(
    `The Keras file's model config cannot be read: ${what}. Save the model again with Keras.`,
  );
}

/**
 * Reads a `model_config`: Functional and Sequential models in the dialects of Keras 2 and 3, and models inside of them.
 *
 * @throws UnsupportedError for a model of another class
 * @throws InvalidModelError if it is not of the form that Keras writes
 */
export function readModelTree(modelConfig: Json): ModelTree {
  if (!isJsonObject(modelConfig)) throw malformedModel(`it is ${show(modelConfig)} instead of an object`);
  const { class_name: className, config } = modelConfig;
  const tree = readModel(className, config, "model", 0);
  const [first] = tree.entries;
  if (first?.className === "InputLayer" && first.config.batch_input_shape === undefinedShape) {
    const { name, className: kind } = tree.entries[1] ?? first;
    throw new UnsupportedError(
      `The Sequential model does not say what shape it takes: its first layer "${name}" (${kind}) has no \`batch_input_shape\`. In Python, put keras.Input(shape=...) first and save it again.`,
    );
  }
  return tree;
}

/** Stands in for the shape of a Sequential's input where the config has none; inside of another model none is needed. */
const undefinedShape = "unknown";

function readModel(className: Json | undefined, config: Json | undefined, name: string, depth: number): ModelTree {
  if (depth > greatestNesting) throw malformedModel(`it has models inside of models, ${greatestNesting} deep`);
  if (className === "Sequential") return readSequential(config, depth);
  if ((className !== "Functional" && className !== "Model") || !isJsonObject(config)) {
    throw new UnsupportedError(
      `The Keras model is a ${show(className)}; only Functional and Sequential models say in the file what they compute.`,
    );
  }
  const layers = layerList(config);
  const entries = layers.map(
    ({ className: layerClass, registeredName, name: layer, config: inner, raw, nodes }): ModelEntry => {
      const applied = applications(layerClass, layer, nodes);
      const model = modelClasses.includes(layerClass) ? readModel(layerClass, raw, layer, depth + 1) : undefined;
      return { className: layerClass, registeredName, name: layer, config: inner, applications: applied, model };
    },
  );
  const inputs = places(config.input_layers, "input_layers");
  const outputs = places(config.output_layers, "output_layers");
  const isKeras3 = layers.some(({ nodes }) => isJsonList(nodes) && nodes.some(isJsonObject));
  return {
    name: typeof config.name === "string" ? config.name : name,
    trainable: config.trainable !== false,
    ...fromZero(entries, inputs, outputs, isKeras3),
  };
}

/** What a config lists as one layer. */
interface ListedLayer {
  readonly className: string;
  readonly registeredName?: string | undefined;
  readonly name: string;
  readonly config: JsonObject;
  /** The config as it stands, which for an old Sequential is a list. */
  readonly raw: Json;
  readonly nodes: Json | undefined;
}

function layerList(config: Json | undefined): readonly ListedLayer[] {
  // Sequential models of Keras before 2.2.3 have the bare list.
  const layers = isJsonObject(config) ? config.layers : config;
  if (!isJsonList(layers) || layers.length === 0) throw malformedModel("it lists no layers");
  const taken = new Set<string>();
  return layers.map((layer, index) => {
    if (!isJsonObject(layer) || typeof layer.class_name !== "string" || layer.config === undefined) {
      throw malformedModel(`layer ${index} has no class name or no config`);
    }
    const { config: raw, inbound_nodes: nodes, registered_name: registered } = layer;
    const written = isJsonObject(raw) ? raw : {};
    const { className, config: inner } = modernLayer(layer.class_name, String(layer.name ?? written.name), written);
    // The bare list of an old Sequential has no room for a name.
    const name = layer.name ?? inner.name ?? (isJsonList(raw) ? `${className.toLowerCase()}_${index + 1}` : undefined);
    if (typeof name !== "string") throw malformedModel(`layer ${index} (${className}) has no name`);
    if (taken.has(name)) throw malformedModel(`it has two layers named "${name}"`);
    taken.add(name);
    const registeredName = typeof registered === "string" ? registered : undefined;
    return { className, registeredName, name, config: inner, raw, nodes };
  });
}

function readSequential(config: Json | undefined, depth: number): ModelTree {
  const layers = layerList(config);
  const entries: ModelEntry[] = [];
  const [first] = layers;
  if (first !== undefined && first.className !== "InputLayer") {
    const shape = shapeOfFirst(first, 0) ?? builtShape(config);
    const name = `${first.name}_input`;
    const batchShape: Json = shape === undefined ? undefinedShape : [null, ...shape];
    entries.push({
      className: "InputLayer",
      name,
      config: { name, batch_input_shape: batchShape, dtype: "float32" },
      applications: [[]],
    });
  }
  for (const { className, registeredName, name, config: inner, raw } of layers) {
    const previous = entries.at(-1);
    entries.push({
      className,
      registeredName,
      name,
      config: inner,
      applications: [previous === undefined ? [] : [{ layer: previous.name, node: 0, tensor: 0 }]],
      model: modelClasses.includes(className) ? readModel(className, raw, name, depth + 1) : undefined,
    });
  }
  const end = (entry: ModelEntry | undefined): Place => ({ layer: entry?.name ?? "", node: 0, tensor: 0 });
  const isNamed = isJsonObject(config);
  return {
    name: isNamed && typeof config.name === "string" ? config.name : "sequential",
    entries,
    inputs: [end(entries[0])],
    outputs: [end(entries.at(-1))],
    trainable: !isNamed || config.trainable !== false,
  };
}

/** Shape of one row that the first layer of a Sequential declares, or, if that is a model, its own first layer. */
function shapeOfFirst(layer: ListedLayer, depth: number): readonly (number | null)[] | undefined {
  const own = declaredShape(configReader(layer.className, layer.name, layer.config));
  if (own !== undefined || !modelClasses.includes(layer.className) || depth > greatestNesting) return own;
  const inner = layerList(layer.raw);
  const { config } = layer;
  const inputs = layer.className === "Sequential" ? [] : places(config.input_layers, "input_layers");
  const first = inner.find(({ name }) => name === inputs[0]?.layer) ?? inner[0];
  return first === undefined ? undefined : shapeOfFirst(first, depth + 1);
}

/** Keras 3 notes the shape that a Sequential was built for beside its layers. */
function builtShape(config: Json | undefined): readonly (number | null)[] | undefined {
  if (!isJsonObject(config) || config.build_input_shape === undefined) return undefined;
  return declaredShape(configReader("Sequential", "model", { batch_shape: config.build_input_shape }));
}

/**
 * The entries with the applications of inner models counted from 0. Keras 2 counts a model's own making as application 0,
 * which it does not list, so that the first listed one is 1; a Sequential that was made without a shape has none, and
 * Keras 3 does not count it.
 */
function fromZero(
  entries: readonly ModelEntry[],
  inputs: readonly Place[],
  outputs: readonly Place[],
  isKeras3: boolean,
): Pick<ModelTree, "entries" | "inputs" | "outputs"> {
  const counts = new Map(
    entries.filter(({ model }) => model !== undefined).map((entry) => [entry.name, entry.applications.length]),
  );
  if (counts.size === 0) return { entries, inputs, outputs };
  const named = new Map<string, Set<number>>();
  for (const { layer, node } of [...outputs, ...entries.flatMap((entry) => entry.applications.flat())]) {
    if (counts.has(layer)) named.set(layer, (named.get(layer) ?? new Set()).add(node));
  }
  const first = new Map<string, number>();
  for (const [name, nodes] of named) {
    const countsOwnMaking = isKeras3 ? nodes.has(counts.get(name) ?? 0) : !nodes.has(0);
    first.set(name, countsOwnMaking ? 1 : 0);
  }
  const shift = (place: Place): Place => ({ ...place, node: place.node - (first.get(place.layer) ?? 0) });
  return {
    entries: entries.map((entry) => ({ ...entry, applications: entry.applications.map((taken) => taken.map(shift)) })),
    inputs,
    outputs: outputs.map(shift),
  };
}

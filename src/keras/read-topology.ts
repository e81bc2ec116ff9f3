import { InvalidModelError, UnsupportedError } from "../errors.js";
import type { Layer } from "../network/layer.js";
import type { Topology } from "../network/network.js";
import { inferShapes } from "../network/shapes.js";
import { configReader, isJsonList, isJsonObject, type JsonObject, show } from "./config-reader.js";
import type { Json } from "./layer-config.js";
import { declaredShape, type LayerKind, normalizedAxis, placeLayer, readKerasLayer } from "./read-layer.js";
import { applications, type Place, places } from "./read-nodes.js";

/** A layer as a `model_config` holds it. */
interface Entry {
  readonly className: string;
  readonly name: string;
  readonly config: JsonObject;
  readonly nodes: Json | undefined;
}

interface Application {
  readonly name: string;
  readonly owner: string;
  readonly inputs: readonly Place[];
}

/**
 * Reads the `model_config` of a Keras file: Functional and Sequential models in the dialects of Keras 2 and 3. A layer
 * that is applied more than once becomes one layer for each application.
 *
 * @throws UnsupportedError naming layer and class, for what we do not run: nested models, layers that are not known
 * @throws InvalidModelError if it is not of the form that Keras writes, or its graph has a cycle
 */
export function readTopology(modelConfig: Json): Topology {
  if (!isJsonObject(modelConfig)) throw malformed(`it is ${show(modelConfig)} instead of an object`);
  const { class_name: className, config } = modelConfig;
  const topology = className === "Sequential" ? readSequential(config) : readFunctional(className, config);
  checkNormalizedAxes(topology, modelConfig);
  return topology;
}

function malformed(what: string): InvalidModelError {
  return new InvalidModelError(
    `The Keras file's model config cannot be read: ${what}. Save the model again with Keras.`,
  );
}

/** The layers that a `model_config` lists, in its order. */
export function listEntries(modelConfig: Json): readonly Entry[] {
  const config = isJsonObject(modelConfig) ? modelConfig.config : undefined;
  // Sequential models of Keras before 2.2.3 have the bare list.
  const layers = isJsonObject(config) ? config.layers : config;
  if (!isJsonList(layers) || layers.length === 0) throw malformed("it lists no layers");
  return layers.map((layer, index): Entry => {
    if (!isJsonObject(layer) || typeof layer.class_name !== "string" || layer.config === undefined) {
      throw malformed(`layer ${index} has no class name or no config`);
    }
    const inner = isJsonObject(layer.config) ? layer.config : {};
    const name = layer.name ?? inner.name;
    if (typeof name !== "string") throw malformed(`layer ${index} (${layer.class_name}) has no name`);
    if (["Functional", "Sequential", "Model"].includes(layer.class_name)) {
      throw new UnsupportedError(
        `Layer "${name}" of the Keras model is itself a model (${layer.class_name}); only flat models can be read. Rebuild it in Python with the inner layers applied one by one.`,
      );
    }
    return { className: layer.class_name, name, config: inner, nodes: layer.inbound_nodes };
  });
}

function readSequential(config: Json | undefined): Topology {
  const entries = listEntries({ config: config ?? null });
  const [first] = entries;
  const layers: Layer[] = [];
  if (first !== undefined && first.className !== "InputLayer") {
    const shape = declaredShape(configReader(first.className, first.name, first.config)) ?? builtShape(config);
    if (shape === undefined) {
      throw new UnsupportedError(
        `The Sequential model does not say what shape it takes: its first layer "${first.name}" (${first.className}) has no \`batch_input_shape\`. In Python, put keras.Input(shape=...) first and save it again.`,
      );
    }
    layers.push({
      className: "InputLayer",
      name: `${first.name}_input`,
      inputs: [],
      config: { shape, dtype: "float32" },
    });
  }
  for (const { className, name, config: inner } of entries) {
    const previous = layers.at(-1);
    layers.push(
      placeLayer(readKerasLayer(className, name, inner), name, previous === undefined ? [] : [previous.name]),
    );
  }
  const name = isJsonObject(config) && typeof config.name === "string" ? config.name : "sequential";
  return { name, layers, inputs: [layers[0]?.name ?? ""], outputs: [layers.at(-1)?.name ?? ""] };
}

/** Keras 3 notes the shape that a Sequential was built for beside its layers. */
function builtShape(config: Json | undefined): readonly (number | null)[] | undefined {
  if (!isJsonObject(config) || config.build_input_shape === undefined) return undefined;
  return declaredShape(configReader("Sequential", "model", { batch_shape: config.build_input_shape }));
}

function readFunctional(className: Json | undefined, config: Json | undefined): Topology {
  if ((className !== "Functional" && className !== "Model") || !isJsonObject(config)) {
    throw new UnsupportedError(
      `The Keras model is a ${show(className)}; only Functional and Sequential models say in the file what they compute.`,
    );
  }
  const kinds = new Map<string, LayerKind>();
  const names = new Map<string, string>();
  const first: Application[] = [];
  const again: Application[] = [];
  const entries = listEntries({ config });
  const taken = new Set(entries.map(({ name }) => name));
  for (const { className: layerClass, name, config: inner, nodes } of entries) {
    if (kinds.has(name)) throw malformed(`it has two layers named "${name}"`);
    kinds.set(name, readKerasLayer(layerClass, name, inner));
    for (const [node, inputs] of applications(layerClass, name, nodes).entries()) {
      const own = node === 0 ? name : freeName(`${name}_${node}`, taken);
      names.set(placeKey({ layer: name, node }), own);
      (node === 0 ? first : again).push({ name: own, owner: name, inputs });
    }
  }
  const nameAt = (place: Place): string => {
    const name = names.get(placeKey(place));
    if (name === undefined)
      throw malformed(`it refers to node ${place.node} of layer "${place.layer}", which is not there`);
    return name;
  };
  // Repeated applications last: they move up to where they are needed, and the others keep Keras's order.
  const layers = [...first, ...again].map(({ name, owner, inputs }) =>
    placeLayer(kinds.get(owner) as LayerKind, name, inputs.map(nameAt), name === owner ? undefined : owner),
  );
  return {
    name: typeof config.name === "string" ? config.name : "model",
    layers: inputsFirst(layers),
    inputs: places(config.input_layers, "input_layers").map(nameAt),
    outputs: places(config.output_layers, "output_layers").map(nameAt),
  };
}

function placeKey({ layer, node }: Place): string {
  return `${node}/${layer}`;
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
    if (entered.has(layer)) throw malformed(`its graph has a cycle, in which layer "${layer.name}" takes part`);
    entered.add(layer);
    for (const input of missing.reverse()) stack.push(input);
  }
  return [...ordered];
}

function checkNormalizedAxes(topology: Topology, modelConfig: Json): void {
  const axes = new Map(
    listEntries(modelConfig)
      .filter(({ className }) => className.startsWith("BatchNormalization"))
      .map(({ name, config }) => [name, normalizedAxis(config)]),
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

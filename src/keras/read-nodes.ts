import { InvalidModelError, UnsupportedError } from "../errors.js";
import { isJsonList, isJsonObject, type JsonObject, show } from "./config-reader.js";
import type { Json } from "./layer-config.js";

/** One output of one application of a layer; applications and outputs are counted from 0. */
export interface Place {
  readonly layer: string;
  readonly node: number;
  readonly tensor: number;
}

/**
 * Reads the `inbound_nodes` of a layer: for each of its applications what it takes. Keras 2 lists
 * `[layer, node, tensor, kwargs]`; Keras 3 has `{ args, kwargs }` in which tensors name where they come from.
 *
 * @throws UnsupportedError if a call has arguments that change what the layer does
 * @throws InvalidModelError if it is not of the form that Keras writes
 */
export function applications(className: string, layer: string, nodes: Json | undefined): readonly (readonly Place[])[] {
  if (className === "InputLayer") return [[]];
  if (!isJsonList(nodes) || nodes.length === 0) {
    throw new InvalidModelError(
      `Layer "${layer}" (${className}) of the Keras model is applied to nothing: its \`inbound_nodes\` are ${show(nodes)}. Expected the layers that it takes.`,
    );
  }
  return nodes.map((node) => {
    if (isJsonObject(node)) {
      checkArguments(className, layer, withoutDefaults(className, node.kwargs));
      return tensorsIn(layer, node.args);
    }
    return places(node, `inbound_nodes of "${layer}"`, (kwargs) => checkArguments(className, layer, kwargs));
  });
}

/**
 * Reads references to layers as Keras 2 writes them, `[[layer, node, tensor], ...]`, the bare triple that Keras 3 writes
 * for one, and the named ones that it writes for a dictionary: their order is that of the sorted names.
 */
export function places(value: Json | undefined, key: string, onArguments?: (kwargs: Json) => void): readonly Place[] {
  const malformed = () =>
    new InvalidModelError(`The Keras model has \`${key}\` ${show(value)}: expected a list of [layer, node, tensor].`);
  if (isJsonObject(value)) {
    const sorted = Object.keys(value).sort();
    return sorted.flatMap((name) => places(value[name], key, onArguments));
  }
  if (!isJsonList(value) || value.length === 0) throw malformed();
  const list = typeof value[0] === "string" ? [value] : value;
  return list.map((item) => {
    const [layer, node, tensor, kwargs] = isJsonList(item) ? item : [];
    if (typeof layer !== "string" || !Number.isSafeInteger(node) || !Number.isSafeInteger(tensor)) throw malformed();
    if (kwargs !== undefined) onArguments?.(kwargs);
    return { layer, node: node as number, tensor: tensor as number };
  });
}

/** Arguments of a call that leave its meaning as it is while it is not trained. */
const harmless: ReadonlyMap<string, readonly Json[]> = new Map([
  ["training", [null, false]],
  ["mask", [null]],
]);

/**
 * Keras 3 notes `training` of its layers for pictures, whose default is true; where a model is run, the model's own takes
 * its place.
 */
function withoutDefaults(className: string, kwargs: Json | undefined): Json | undefined {
  if (!/^(Resizing|CenterCrop|Random\w+)$/.test(className) || !isJsonObject(kwargs)) return kwargs;
  const { training: _, ...others } = kwargs;
  return others;
}

function checkArguments(className: string, layer: string, kwargs: Json | undefined): void {
  if (!isJsonObject(kwargs)) return;
  for (const [name, value] of Object.entries(kwargs)) {
    if (harmless.get(name)?.includes(value)) continue;
    throw new UnsupportedError(
      `Layer "${layer}" (${className}) of the Keras model is called with \`${name}\` ${show(value)}, which cannot be run here.`,
    );
  }
}

function tensorsIn(layer: string, args: Json | undefined): readonly Place[] {
  // One argument is one tensor or a list of tensors; anything else would be lost without a word.
  const list = isJsonList(args) && args.length === 1 ? args[0] : undefined;
  const tensors = isJsonList(list) ? list : [list];
  return tensors.map((tensor) => {
    const history = isJsonObject(tensor) && tensor.class_name === "__keras_tensor__" ? historyOf(tensor) : undefined;
    if (history !== undefined) return places(history, `inbound_nodes of "${layer}"`)[0] as Place;
    throw new UnsupportedError(
      `Layer "${layer}" of the Keras model is called with ${show(args)}; only layers that take the outputs of other layers, as one argument, can be run here.`,
    );
  });
}

function historyOf(tensor: JsonObject): Json | undefined {
  return isJsonObject(tensor.config) ? tensor.config.keras_history : undefined;
}

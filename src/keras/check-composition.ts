import { InvalidArgumentError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { layerClassNames } from "../network/layer-shape.js";
import { describeValue } from "../options/check-option.js";
import type { LayerComposition, WeightSource } from "./custom-layer.js";

/**
 * What of a composition's form is wrong, in words; undefined if it has the form of one. Whether its layers fit together is
 * for the network's own checks to say.
 */
export function compositionFault(value: unknown): string | undefined {
  if (!isObject(value) || !Array.isArray(value.layers) || typeof value.output !== "string") {
    return 'expected { layers: [...], output: "name of one of them" }.';
  }
  const at = value.layers.findIndex((layer) => !isLayer(layer));
  if (at !== -1) {
    return `\`layers[${at}]\` is ${describeValue(value.layers[at])}: expected { className, name, inputs: [...], config: {...} }.`;
  }
  const known: readonly string[] = layerClassNames;
  const { layers, weights = {} } = value as unknown as LayerComposition;
  const unknown = layers.find(({ className }) => !known.includes(className));
  if (unknown !== undefined) {
    return `Layer "${unknown.name}" is a ${unknown.className}, which is not known. Known are ${known.join(", ")}.`;
  }
  if (!isObject(weights)) return `\`weights\` is ${describeValue(weights)}: expected an object.`;
  for (const [part, sources] of Object.entries(weights)) {
    if (Array.isArray(sources) && sources.every(isSource)) continue;
    return `\`weights\` has ${describeValue(sources)} for "${part}": expected a list of paths, or of { variable, shape, convert }.`;
  }
  return undefined;
}

/**
 * What a source's `convert` gives for a weight.
 *
 * @throws InvalidArgumentError if it gives no array
 */
export function convertWeight({ variable, convert }: WeightSource, stored: NdArray<"float32">): NdArray<"float32"> {
  if (convert === undefined) return stored;
  const found: unknown = convert(stored);
  if (
    isObject(found) &&
    Array.isArray(found.shape) &&
    found.dtype === "float32" &&
    found.data instanceof Float32Array
  ) {
    return found as unknown as NdArray<"float32">;
  }
  throw new InvalidArgumentError(
    `\`convert\` of the weight "${variable}" in \`customLayers\` gave ${describeValue(found)}: expected { dtype: "float32", shape, data } with a Float32Array as \`data\`.`,
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isLayer(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value.className === "string" &&
    typeof value.name === "string" &&
    Array.isArray(value.inputs) &&
    value.inputs.every((input) => typeof input === "string") &&
    isObject(value.config)
  );
}

function isSource(value: unknown): boolean {
  if (typeof value === "string") return true;
  if (!isObject(value) || typeof value.variable !== "string") return false;
  const { shape, convert } = value;
  const isShape = shape === undefined || (Array.isArray(shape) && shape.every((size) => Number.isSafeInteger(size)));
  return isShape && (convert === undefined || typeof convert === "function");
}

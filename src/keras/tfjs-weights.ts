import { InvalidModelError, InvalidWeightsError, UnsupportedError } from "../errors.js";
import { float16ToFloat32 } from "../hdf5/float16.js";
import { type NdArray, type Shape, sizeOf } from "../ndarray.js";
import type { NetworkWeights } from "../network/network.js";
import { isJsonList, isJsonObject, type JsonObject, show } from "./config-reader.js";
import type { Json } from "./layer-config.js";
import { type FoundWeight, formatWeights, loadWeights, pairWeights, type StoredWeight } from "./stored-weight.js";
import { type WeightLayer, type WeightNode, weightLayers } from "./weight-nodes.js";

/** How tfjs's converter packs float32 values: `value * scale + min`, or halves. */
interface Quantization {
  readonly dtype: "uint8" | "uint16" | "float16";
  readonly scale: number;
  readonly min: number;
}

/** A weight as tfjs describes it. */
export interface TfjsWeightSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: "float32" | "int32";
  readonly quantization?: Quantization | undefined;
}

/**
 * Reads weight specs. Those of an optimizer are left out, but their bytes count.
 *
 * @param what how messages call them
 * @throws InvalidModelError if they are not of the form that tfjs writes
 * @throws UnsupportedError for types and packings that hold no numbers of a network
 */
export function readTfjsSpecs(
  value: Json | undefined,
  what: string,
): readonly (TfjsWeightSpec & { optimizer: boolean })[] {
  if (!isJsonList(value)) throw new InvalidModelError(`${what} has the weights ${show(value)}: expected a list.`);
  return value.map((spec) => {
    const { name, shape, dtype, quantization, group } = isJsonObject(spec) ? spec : ({} as JsonObject);
    const isAxis = (axis: Json): axis is number => Number.isSafeInteger(axis) && (axis as number) >= 0;
    if (typeof name !== "string" || !isJsonList(shape) || !shape.every(isAxis)) {
      throw new InvalidModelError(`${what} lists the weight ${show(spec)}: expected a name and a shape.`);
    }
    if (dtype !== "float32" && dtype !== "int32") {
      throw new UnsupportedError(`Weight "${name}" of ${what} is ${show(dtype)}: expected float32.`);
    }
    return {
      name,
      shape,
      dtype,
      quantization: readQuantization(quantization, name, what),
      optimizer: group === "optimizer",
    };
  });
}

function readQuantization(value: Json | undefined, name: string, what: string): Quantization | undefined {
  if (value === undefined || value === null) return undefined;
  const { dtype, scale = 1, min = 0 } = isJsonObject(value) ? value : ({} as JsonObject);
  const known = dtype === "uint8" || dtype === "uint16" || dtype === "float16";
  if (!known || typeof scale !== "number" || typeof min !== "number") {
    throw new UnsupportedError(
      `Weight "${name}" of ${what} is packed as ${show(value)}: expected uint8, uint16 or float16 with a scale and a minimum.`,
    );
  }
  return { dtype, scale, min };
}

const packedBytes = { uint8: 1, uint16: 2, float16: 2 };

/** Bytes that a weight takes. */
export function tfjsWeightBytes({ shape, quantization }: TfjsWeightSpec): number {
  return sizeOf(shape) * (quantization === undefined ? 4 : packedBytes[quantization.dtype]);
}

/** The values of a weight from its bytes, little-endian. */
export function unpackTfjsWeight({ shape, dtype, quantization }: TfjsWeightSpec, bytes: Uint8Array): NdArray {
  // A copy of its own, as the bytes may begin anywhere.
  const { buffer } = bytes.slice();
  if (quantization === undefined) {
    if (dtype === "int32") return { dtype, shape, data: new Int32Array(buffer) };
    return { dtype, shape, data: new Float32Array(buffer) };
  }
  const data = new Float32Array(sizeOf(shape));
  if (quantization.dtype === "float16") {
    float16ToFloat32(new Uint16Array(buffer), data);
  } else {
    const packed = quantization.dtype === "uint8" ? new Uint8Array(buffer) : new Uint16Array(buffer);
    for (let i = 0; i < data.length; i++) data[i] = (packed[i] as number) * quantization.scale + quantization.min;
  }
  return { dtype: "float32", shape, data };
}

/**
 * Gives tfjs's weights to the layers of a network: by the name of the layer, which stands before that of the weight. Layers
 * of inner models have no more than their own name; of several with the same one, those that are trained come first.
 *
 * @param arrays the weights in the order of the file
 * @throws InvalidWeightsError if they are those of other layers
 */
export function assignTfjsWeights(
  nodes: readonly WeightNode[],
  arrays: readonly (readonly [name: string, array: NdArray])[],
  fileName: string,
): Promise<NetworkWeights> {
  const byOwner = new Map<string, Map<string, StoredWeight[]>>();
  for (const [index, [name, { shape }]] of arrays.entries()) {
    const plain = name.replace(/:0$/, "");
    const owner = plain.slice(0, Math.max(0, plain.lastIndexOf("/")));
    const weights = byOwner.get(owner) ?? new Map<string, StoredWeight[]>();
    byOwner.set(owner, weights);
    weights.set(plain, [...(weights.get(plain) ?? []), { path: String(index), name: plain, shape }]);
  }
  const layers = nodes.flatMap(weightLayers);
  const found: FoundWeight[] = [];
  for (const [name, sameName] of groupByName(layers)) {
    const owner = ownerFor(name, byOwner);
    const weights = byOwner.get(owner) ?? new Map<string, StoredWeight[]>();
    byOwner.delete(owner);
    for (const [nth, layer] of sameName.entries()) {
      const own = [...weights.values()].flatMap((occurrences) => occurrences[nth] ?? []);
      const pairs = pairWeights(layer, own);
      if (pairs === undefined) {
        throw new InvalidWeightsError(
          `The weights of "${fileName}" do not fit its layers: "${layer.layer}" (${layer.className}) needs ${formatWeights(layer.weights)}; there are ${formatWeights(own)} of that name.`,
          { layer: layer.layer },
        );
      }
      found.push(...pairs);
    }
    if ([...weights.values()].some((occurrences) => occurrences.length > sameName.length)) {
      throw new InvalidWeightsError(`"${fileName}" has weights of more layers named "${name}" than there are.`);
    }
  }
  const [extra] = byOwner.values();
  const [extraName] = extra?.keys() ?? [];
  if (extraName !== undefined) {
    throw new InvalidWeightsError(`"${fileName}" has a weight "${extraName}", for which the model has no layer.`);
  }
  return loadWeights((path) => (arrays[Number(path)] as readonly [string, NdArray])[1], found, { nodes, fileName });
}

function groupByName(layers: readonly WeightLayer[]): ReadonlyMap<string, readonly WeightLayer[]> {
  const groups = new Map<string, WeightLayer[]>();
  for (const layer of layers) groups.set(layer.name, [...(groups.get(layer.name) ?? []), layer]);
  // All weights that are trained stand before all others.
  for (const [name, group] of groups) {
    groups.set(name, [...group.filter(({ trainable }) => trainable), ...group.filter(({ trainable }) => !trainable)]);
  }
  return groups;
}

/** A model converted from Keras 3 may have the model's name before the layer's. */
function ownerFor(name: string, byOwner: ReadonlyMap<string, unknown>): string {
  if (byOwner.has(name)) return name;
  const longer = [...byOwner.keys()].filter((owner) => owner.endsWith(`/${name}`));
  return longer.length === 1 ? (longer[0] as string) : name;
}

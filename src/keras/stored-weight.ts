import { InvalidWeightsError } from "../errors.js";
import { type NdArray, type Shape, sizeOf } from "../ndarray.js";
import { formatShape } from "../network/layer-shape.js";
import type { NetworkWeights, Weight } from "../network/network.js";
import type { NeededWeight, WeightLayer, WeightNode } from "./weight-nodes.js";
import { weightLayers } from "./weight-nodes.js";

/** A weight in a file, not read yet. */
export interface StoredWeight {
  /** Where its values are. */
  readonly path: string;
  /** As the file names it, such as `conv/kernel:0`. */
  readonly name: string;
  readonly shape: Shape;
}

/** A weight in a file with the place in the network that it belongs to. */
export interface FoundWeight {
  readonly layer: string;
  /** Position among the layer's weights. */
  readonly index: number;
  readonly stored: StoredWeight;
}

/** Shape that a needed weight has in the file. */
export function storedShape({ shape, stored }: NeededWeight): Shape {
  return stored?.shape ?? shape;
}

/** Pairs the weights of one layer with those that a file has for it; undefined if they differ in number or shapes. */
export function pairWeights(layer: WeightLayer, stored: readonly StoredWeight[]): readonly FoundWeight[] | undefined {
  if (stored.length !== layer.weights.length) return undefined;
  const fits = layer.weights.every(
    (needed, at) => formatShape(storedShape(needed)) === formatShape(stored[at]?.shape ?? []),
  );
  if (!fits) return undefined;
  return stored.map((weight, index) => ({ layer: layer.layer, index, stored: weight }));
}

/** A layer has at most four weights; a stored model inside of a model looks like a layer with many. */
const mostShown = 6;

/** Shapes of weights for a message. */
export function formatWeights(weights: readonly { readonly shape: Shape }[]): string {
  const shown = weights.slice(0, mostShown).map(({ shape }) => formatShape(shape));
  if (weights.length > mostShown) shown.push(`${weights.length - mostShown} more`);
  return shown.length === 0 ? "none" : shown.join(" and ");
}

/** A file whose weights come to so many times its size, and to more than the floor, is made to fill the memory. */
const greatestExpansion = 100;
const expansionFloor = 2 ** 28;

/** Reads found weights with `read`, which takes their paths; the result has the layers in the order of the nodes. */
export async function loadWeights(
  read: (path: string) => NdArray | Promise<NdArray>,
  found: readonly FoundWeight[],
  request: {
    readonly nodes: readonly WeightNode[];
    readonly fileName: string;
    readonly fileBytes?: number | undefined;
  },
): Promise<NetworkWeights> {
  const { fileName, fileBytes } = request;
  const bytes = found.reduce((sum, { stored }) => sum + 4 * sizeOf(stored.shape), 0);
  if (fileBytes !== undefined && bytes > expansionFloor && bytes > greatestExpansion * fileBytes) {
    throw new InvalidWeightsError(
      `"${fileName}" has ${fileBytes} bytes, but its weights claim to come to ${bytes}: it is damaged, or made to fill the memory.`,
    );
  }
  const byLayer = new Map<string, FoundWeight[]>();
  for (const each of found) byLayer.set(each.layer, [...(byLayer.get(each.layer) ?? []), each]);
  const weights = new Map<string, readonly Weight[]>();
  for (const { layer, weights: needed } of request.nodes.flatMap(weightLayers)) {
    for (const [index, { name, stored: form, custom }] of needed.entries()) {
      const place = byLayer.get(layer)?.find((each) => each.index === index)?.stored;
      if (place === undefined) {
        throw new InvalidWeightsError(`"${fileName}" has no weight "${name}" for layer "${layer}".`, { layer });
      }
      const array = toFloat32(await read(place.path), place.path, layer, fileName);
      const owner = custom?.part ?? layer;
      const weight = { name, array: form === undefined ? array : form.restore(array) };
      weights.set(owner, [...(weights.get(owner) ?? []), weight]);
    }
  }
  return weights;
}

function toFloat32(array: NdArray, path: string, layer: string, fileName: string): NdArray<"float32"> {
  if (array.dtype === "float32") return array;
  if (array.dtype === "float64") return { dtype: "float32", shape: array.shape, data: Float32Array.from(array.data) };
  // The counter of a Normalization.
  if (array.shape.length === 0) return { dtype: "float32", shape: [], data: Float32Array.of(Number(array.data[0])) };
  throw new InvalidWeightsError(
    `"${path}" in "${fileName}" is ${array.dtype}: expected float16, float32 or float64 for the weights of layer "${layer}".`,
    { layer },
  );
}

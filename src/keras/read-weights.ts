import { InvalidWeightsError } from "../errors.js";
import type { HDF5File } from "../hdf5/engine.js";
import type { NdArray, Shape } from "../ndarray.js";
import { formatShape } from "../network/layer-shape.js";
import type { NetworkWeights, Topology, Weight } from "../network/network.js";
import { type WeightShape, weightShapes } from "../network/weight-shapes.js";
import { readNames } from "./read-names.js";

/** A layer has at most four weights; a stored model inside of a model looks like a layer with many. */
const mostShown = 6;

/** A layer of a weights file that has weights: their paths in the file, and their shapes, in order. */
interface StoredLayer {
  readonly name: string;
  readonly weights: readonly { readonly path: string; readonly shape: Shape }[];
}

/**
 * Reads a network's weights from a Keras `.h5` file, weights-only or a whole model, as Keras 1 to 3 and TensorFlow write
 * them (the "legacy" format; files named `.weights.h5` by Keras 3 are of another one). As Keras does, it matches by
 * position: layers without weights are left out on both sides, and the others must be equal in number and shapes. Names
 * in the file need not be those of the network; the result has the network's.
 *
 * float16 and float64 become float32.
 *
 * @param fileName how messages call the file
 * @throws InvalidWeightsError if the file holds no Keras weights, or those of another network: it names the first layer
 * that differs and both shapes
 * @throws InvalidNetworkError if the topology is not valid
 * @throws InvalidDatasetError if the file is damaged
 */
export async function readKerasWeights(file: HDF5File, topology: Topology, fileName: string): Promise<NetworkWeights> {
  const needed = [...weightShapes(topology)];
  const stored = await readStoredLayers(file, fileName);
  checkLayers(topology.name, needed, stored, fileName);

  const weights = new Map<string, readonly Weight[]>();
  for (const [index, [layer, expected]] of needed.entries()) {
    const paths = stored[index]?.weights ?? [];
    const read: Weight[] = [];
    for (const [at, { name }] of expected.entries()) {
      const path = paths[at]?.path ?? "";
      read.push({ name, array: toFloat32(await file.read(path), path, layer, fileName) });
    }
    weights.set(layer, read);
  }
  return weights;
}

async function readStoredLayers(file: HDF5File, fileName: string): Promise<readonly StoredLayer[]> {
  const atRoot = await readNames(file, "/", "layer_names");
  const group = atRoot === undefined ? "/model_weights" : "";
  const names = atRoot ?? ((await file.stat(group)) && (await readNames(file, group, "layer_names")));
  if (names === undefined) throw await notLegacy(file, fileName);
  await refuseTheano(file, group || "/", fileName);

  const layers: StoredLayer[] = [];
  for (const name of names) {
    const path = `${group}/${name}`;
    if ((await file.stat(path)) === undefined) {
      throw new InvalidWeightsError(
        `"${fileName}" lists a layer "${name}" in \`layer_names\` but has no group "${path}": the file is damaged. Get it again.`,
        { layer: name },
      );
    }
    const weights: { path: string; shape: Shape }[] = [];
    for (const weight of (await readNames(file, path, "weight_names")) ?? []) {
      const weightPath = `${path}/${weight}`;
      const entry = await file.stat(weightPath);
      if (entry?.kind !== "dataset") {
        throw new InvalidWeightsError(
          `"${fileName}" lists a weight "${weight}" of layer "${name}" in \`weight_names\` but has no dataset "${weightPath}": the file is damaged. Get it again.`,
          { layer: name },
        );
      }
      weights.push({ path: weightPath, shape: entry.shape });
    }
    if (weights.length > 0) layers.push({ name, weights });
  }
  return layers;
}

async function notLegacy(file: HDF5File, fileName: string): Promise<InvalidWeightsError> {
  const members = await file.list("/");
  const keras3 = members.includes("layers") || members.includes("_layer_checkpoint_dependencies");
  return new InvalidWeightsError(
    keras3
      ? `"${fileName}" is in the format that Keras 3 uses for ".weights.h5" files, which does not keep the order of layers: expected a legacy Keras .h5 file. Save the whole model with \`model.save("model.h5")\` and give that file.`
      : `"${fileName}" holds no Keras weights: expected an attribute \`layer_names\` on the file or on its group "model_weights", got the members [${members.map((name) => `"${name}"`).join(", ")}]. Give a file written by Keras's \`save_weights\` or \`save\` in .h5 format.`,
  );
}

/** Theano turned kernels by 180 degrees: the shapes would fit, and every feature be wrong. */
async function refuseTheano(file: HDF5File, group: string, fileName: string): Promise<void> {
  const backend = await file.attribute(group, "backend");
  if (backend?.dtype !== "string" || backend.data[0] !== "theano") return;
  throw new InvalidWeightsError(
    `"${fileName}" was written by Keras on Theano, whose convolution kernels are turned by 180 degrees: expected a file from TensorFlow, JAX or PyTorch. Convert it with \`keras.utils.convert_all_kernels_in_model\` of Keras 2 first.`,
  );
}

function checkLayers(
  network: string,
  needed: readonly (readonly [string, readonly WeightShape[]])[],
  stored: readonly StoredLayer[],
  fileName: string,
): void {
  const counts = `The file has ${stored.length} layers with weights, the network ${needed.length}.`;
  for (const [index, [layer, expected]] of needed.entries()) {
    const other = stored[index];
    if (other === undefined) {
      throw new InvalidWeightsError(
        `"${fileName}" does not hold the weights of network "${network}": it ends before layer "${layer}", which needs ${formatWeights(expected)}. ${counts}`,
        { layer },
      );
    }
    const equal =
      other.weights.length === expected.length &&
      expected.every(({ shape }, at) => formatShape(shape) === formatShape(other.weights[at]?.shape ?? []));
    if (equal) continue;
    throw new InvalidWeightsError(
      `"${fileName}" does not hold the weights of network "${network}": they first differ at layer "${layer}", which needs ${formatWeights(expected)}; the file has "${other.name}" there, with ${formatWeights(other.weights)}. ${counts} Give the file that belongs to this network, width and \`includeTop\`.`,
      { layer },
    );
  }
  const extra = stored[needed.length];
  if (extra !== undefined) {
    throw new InvalidWeightsError(
      `"${fileName}" does not hold the weights of network "${network}": it goes on with layer "${extra.name}", with ${formatWeights(extra.weights)}, where the network ends. ${counts} Perhaps the file is the one with top.`,
      { layer: extra.name },
    );
  }
}

function formatWeights(weights: readonly { readonly shape: Shape }[]): string {
  const shown = weights.slice(0, mostShown).map(({ shape }) => formatShape(shape));
  if (weights.length > mostShown) shown.push(`${weights.length - mostShown} more`);
  return shown.join(" and ");
}

function toFloat32(array: NdArray, path: string, layer: string, fileName: string): NdArray<"float32"> {
  if (array.dtype === "float32") return array;
  if (array.dtype === "float64") return { dtype: "float32", shape: array.shape, data: Float32Array.from(array.data) };
  throw new InvalidWeightsError(
    `"${path}" in "${fileName}" is ${array.dtype}: expected float16, float32 or float64 for the weights of layer "${layer}".`,
    { layer },
  );
}

import { InvalidArgumentError, InvalidWeightsError } from "../errors.js";
import type { HDF5File } from "../hdf5/engine.js";
import { checkTopology } from "../network/check-network.js";
import type { NetworkWeights, Topology } from "../network/network.js";
import { checkText, describeValue } from "../options/check-option.js";
import { matchLegacyWeights } from "./match-legacy-weights.js";
import { readNames } from "./read-names.js";
import { hasVariables, locateVariables } from "./read-variables.js";
import { type FoundWeight, loadWeights, type StoredWeight } from "./stored-weight.js";
import { flatWeightNodes, type WeightNode } from "./weight-nodes.js";

/** A layer of a legacy weights file that has weights, in order. */
export interface StoredLayer {
  readonly name: string;
  readonly weights: readonly StoredWeight[];
}

/** What weights are read for, and how. */
export interface WeightsRequest {
  readonly nodes: readonly WeightNode[];
  /** How messages call the network. */
  readonly network: string;
  /** How messages call the file. */
  readonly fileName: string;
  /** Whether the file's layers have the network's names: those of a whole model do. */
  readonly named: boolean;
  /** Whether the nodes say how Theano has kernels. */
  readonly knowsTheano?: boolean | undefined;
  /** Size of the file, where known: it bounds what its weights may come to. */
  readonly fileBytes?: number | undefined;
}

/**
 * Reads a network's weights from a Keras `.h5` file: a weights-only file or a whole model as Keras 1 to 3 and TensorFlow
 * write them (the "legacy" format), or a `.weights.h5` file of Keras 3.
 *
 * As Keras does, it matches by position: layers without weights are left out on both sides, and the others must be equal
 * in number and shapes; in a `.weights.h5` file layers are counted for each class. Names in the file need not be those of
 * the network; the result has the network's.
 *
 * float16 and float64 become float32. The states of random generators are left out.
 *
 * @param fileName how messages call the file
 * @throws InvalidWeightsError if the file holds no Keras weights, or those of another network: it names the first layer
 * that differs and both shapes
 * @throws InvalidNetworkError if the topology is not valid
 * @throws InvalidDatasetError if the file is damaged
 */
export async function readKerasWeights(file: HDF5File, topology: Topology, fileName: string): Promise<NetworkWeights> {
  if (typeof (file as Partial<HDF5File> | null | undefined)?.stat !== "function") {
    throw new InvalidArgumentError(
      `\`file\` is ${describeValue(file)}: expected an open HDF5 file, such as \`await h5wasm().open("weights.h5")\`.`,
    );
  }
  checkTopology("topology", topology);
  checkText("fileName", fileName, "what messages are to call the file");
  return readWeights(file, { nodes: flatWeightNodes(topology), network: topology.name, fileName, named: false });
}

/** The same for a network whose layers the file may group; see {@link readKerasWeights}. */
export async function readWeights(file: HDF5File, request: WeightsRequest): Promise<NetworkWeights> {
  const { fileName } = request;
  const atRoot = await readNames(file, "/", "layer_names");
  const group = atRoot === undefined ? "/model_weights" : "";
  const names = atRoot ?? ((await file.stat(group)) && (await readNames(file, group, "layer_names")));
  let found: readonly FoundWeight[];
  if (names !== undefined) {
    if (request.knowsTheano !== true) await refuseTheano(file, group || "/", fileName);
    const stored = await readStoredLayers(file, group, names, fileName);
    found = matchLegacyWeights(request, stored);
  } else if (await hasVariables(file)) {
    found = await locateVariables(file, request);
  } else {
    throw await notKeras(file, fileName);
  }
  return loadWeights((path) => file.read(path), found, request);
}

async function readStoredLayers(
  file: HDF5File,
  group: string,
  names: readonly string[],
  fileName: string,
): Promise<readonly StoredLayer[]> {
  const layers: StoredLayer[] = [];
  for (const name of names) {
    const path = `${group}/${name}`;
    if ((await file.stat(path)) === undefined) {
      throw new InvalidWeightsError(
        `"${fileName}" lists a layer "${name}" in \`layer_names\` but has no group "${path}": the file is damaged. Get it again.`,
        { layer: name },
      );
    }
    const weights: StoredWeight[] = [];
    for (const weight of (await readNames(file, path, "weight_names")) ?? []) {
      const weightPath = `${path}/${weight}`;
      const entry = await file.stat(weightPath);
      if (entry?.kind !== "dataset") {
        throw new InvalidWeightsError(
          `"${fileName}" lists a weight "${weight}" of layer "${name}" in \`weight_names\` but has no dataset "${weightPath}": the file is damaged. Get it again.`,
          { layer: name },
        );
      }
      // The states of random generators are no parameters.
      if (/^u?int/.test(entry.dtype) && /seed|state/i.test(weight.slice(weight.lastIndexOf("/") + 1))) continue;
      weights.push({ path: weightPath, name: weight, shape: entry.shape });
    }
    if (weights.length > 0) layers.push({ name, weights });
  }
  return layers;
}

/** Theano turned kernels by 180 degrees: the shapes would fit, and every feature be wrong. */
async function refuseTheano(file: HDF5File, group: string, fileName: string): Promise<void> {
  const backend = await file.attribute(group, "backend");
  if (backend?.dtype !== "string" || backend.data[0] !== "theano") return;
  throw new InvalidWeightsError(
    `"${fileName}" was written by Keras on Theano, whose convolution kernels are turned by 180 degrees: expected a file from TensorFlow, JAX or PyTorch. Convert it with \`keras.utils.convert_all_kernels_in_model\` of Keras 2 first.`,
  );
}

async function notKeras(file: HDF5File, fileName: string): Promise<InvalidWeightsError> {
  const members = await file.list("/");
  return new InvalidWeightsError(
    `"${fileName}" holds no Keras weights: expected an attribute \`layer_names\` on the file or on its group "model_weights", or a group "layers", got the members [${members.map((name) => `"${name}"`).join(", ")}]. Give a file written by Keras's \`save_weights\` or \`save\` in .h5 format.`,
  );
}

import { InvalidModelError, UnsupportedError } from "../errors.js";
import type { Network } from "../network/network.js";
import { isJsonObject } from "./config-reader.js";
import type { Json } from "./layer-config.js";
import type { KerasNotes } from "./read-model.js";
import { splitTfjsWeights, tfjsNetwork } from "./read-tfjs.js";

/** What tfjs gives to a handler when it saves a model: its `ModelArtifacts`, as far as they are read. */
export interface SavedTfjsModel {
  readonly modelTopology?: object | undefined;
  readonly weightSpecs?: readonly object[] | undefined;
  readonly weightData?: ArrayBuffer | readonly ArrayBuffer[] | undefined;
  readonly trainingConfig?: object | undefined;
}

/**
 * The network of a model that tfjs gives to a handler, and how it was compiled.
 *
 * @param failing begins messages, such as "Cannot save the tfjs model"
 * @throws UnsupportedError for a graph model, or a layer that cannot be run here
 * @throws InvalidModelError if its weights are missing, or not of the length that it says
 */
export async function readSavedTfjs(
  model: SavedTfjsModel,
  failing: string,
): Promise<{ readonly network: Network } & KerasNotes> {
  const what = "the tfjs model";
  if (model.modelTopology instanceof ArrayBuffer || !isJsonObject(model.modelTopology as Json | undefined)) {
    throw new UnsupportedError(`${failing}: it has no layers. Graph models have no networks of layers.`);
  }
  if (model.weightSpecs === undefined || model.weightData === undefined) {
    throw new InvalidModelError(`${failing} without its weights: expected \`weightSpecs\` and \`weightData\`.`);
  }
  const specs = model.weightSpecs as unknown as Json;
  const parts = model.weightData instanceof ArrayBuffer ? [model.weightData] : model.weightData;
  const bytes = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let position = 0;
  for (const part of parts) {
    bytes.set(new Uint8Array(part), position);
    position += part.byteLength;
  }
  const arrays = splitTfjsWeights(specs, bytes, what, "its bytes");
  return tfjsNetwork(model.modelTopology as Json, model.trainingConfig as Json | undefined, arrays, what);
}

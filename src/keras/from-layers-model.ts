import { InvalidModelError } from "../errors.js";
import type { Network } from "../network/network.js";
import { describeValue } from "../options/check-option.js";
import { readSavedTfjs, type SavedTfjsModel } from "./saved-tfjs-model.js";

/** A `LayersModel` of TensorFlow.js, as far as it is needed: it can be saved to a handler. */
export interface SavableLayersModel {
  save(handler: {
    save(model: SavedTfjsModel): Promise<{ modelArtifactsInfo: { dateSaved: Date; modelTopologyType: "JSON" } }>;
  }): Promise<unknown>;
}

/**
 * Turns a `LayersModel` of TensorFlow.js into a network, with its weights of now: the way back from `toLayersModel`. The
 * model stays as it is, and the app disposes it.
 *
 * @throws UnsupportedError naming layer and class, for a layer that cannot be run here
 * @throws InvalidModelError if it is no `LayersModel`
 *
 * @example
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [512], activation: "softmax" })] });
 * const head = await TransferHead.fromNetwork(await fromLayersModel(model), { classLabels: ["cats", "dogs"] });
 */
export async function fromLayersModel(model: SavableLayersModel): Promise<Network> {
  if (typeof model?.save !== "function") {
    throw new InvalidModelError(
      `\`model\` is ${describeValue(model)}: expected a LayersModel of TensorFlow.js, such as tf.sequential(...).`,
    );
  }
  let saved: SavedTfjsModel | undefined;
  await model.save({
    save: async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } };
    },
  });
  if (saved === undefined) throw new InvalidModelError("The tfjs model saved nothing when it was asked to.");
  return (await readSavedTfjs(saved, "Cannot read the tfjs model")).network;
}

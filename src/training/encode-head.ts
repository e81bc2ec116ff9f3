import type { WritableHDF5Engine } from "../hdf5/engine.js";
import { defaultWritableEngine } from "../hdf5/writable-engine.js";
import { encodeKerasModel } from "../keras/write-model.js";
import type { NetworkWeights } from "../network/network.js";
import type { HeadParts } from "./head-parts.js";
import { taskRules } from "./target.js";

/** A head with these weights as the bytes of a Keras `.h5` file, compiled as it is trained. */
export async function encodeHead(
  { network, task, classLabels, metadata, training }: HeadParts,
  weights: NetworkWeights,
  engine: WritableHDF5Engine = defaultWritableEngine(),
): Promise<Uint8Array> {
  const { loss, labelSmoothing, optimizer, clipping, l1, l2 } = training;
  return encodeKerasModel(
    { ...network, weights },
    {
      engine,
      compile: { loss, labelSmoothing, optimizer, clipping, metrics: [taskRules(task).kerasMetric] },
      l1,
      l2,
      classLabels,
      metadata,
    },
  );
}

import type { NdArray } from "../../ndarray.js";
import type { Layer } from "../../network/layer.js";
import type { Network, NetworkWeights, Weight } from "../../network/network.js";
import type { TfjsRuntime } from "./runtime.js";
import type { Tensor } from "./shared-tfjs.js";

/** Weights as tensors, by the layer that owns them, in Keras's order. */
export type WeightTensors = ReadonlyMap<string, readonly Tensor[]>;

/** Bytes of all weights of a network. */
export function bytesOfWeights(network: Network): number {
  let bytes = 0;
  for (const weights of network.weights.values()) for (const { array } of weights) bytes += array.data.byteLength;
  return bytes;
}

/** Copies weights into tensors. To be called on the backend. */
export function uploadWeights({ tf }: TfjsRuntime, allWeights: NetworkWeights): WeightTensors {
  const tensors = new Map<string, readonly Tensor[]>();
  try {
    for (const [name, weights] of allWeights) tensors.set(name, weights.map(upload));
  } catch (error) {
    tf.dispose([...tensors.values()].flat());
    throw error;
  }
  return tensors;

  // A copy, as the plain cpu backend would go on to look at the network's own array.
  function upload({ array }: Weight): Tensor {
    return tf.tensor(array.data.slice(), [...array.shape], "float32");
  }
}

/** Frees the tensors of weights. */
export function disposeWeights({ tf }: TfjsRuntime, weights: WeightTensors): void {
  tf.dispose([...weights.values()].flat());
}

/** Tensors of a layer's weights, its own or those it shares. */
export function weightsOfLayer(weights: WeightTensors, layer: Layer): readonly Tensor[] {
  return weights.get(layer.weightsOf ?? layer.name) ?? [];
}

/** Values of a tensor, copied out; frees nothing. */
export async function readTensor({ failures }: TfjsRuntime, tensor: Tensor): Promise<NdArray<"float32">> {
  // Some backends hand out the array that they go on to use, or another kind of array than the dtype says.
  const read = () => tensor.data();
  const data = new Float32Array(await (failures === undefined ? read() : failures.during(read)));
  return { dtype: "float32", shape: [...tensor.shape], data };
}

import type { Network } from "../network/network.js";

/** Names of the layers that have a weight which is NaN or infinite. */
export function nonFiniteLayers(network: Network): readonly string[] {
  const found: string[] = [];
  for (const [layer, weights] of network.weights) {
    if (weights.some(({ array }) => !isFiniteThroughout(array.data))) found.push(layer);
  }
  return found;
}

/** A sum of float32 values in double precision is finite exactly if each of them is. */
function isFiniteThroughout(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  return Number.isFinite(sum);
}

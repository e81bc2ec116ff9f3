import { crc32 } from "../checksum/crc32.node.js";
import type { Network } from "./network.js";

/**
 * CRC-32 of all weights of a network, as 8 hexadecimal digits: the layers in the order of `layers`, within a layer in
 * Keras's order, each value as a little-endian float32. Two networks that give different values from the same layers
 * differ in it.
 */
export function weightsChecksum(network: Network): string {
  let checksum = 0;
  for (const layer of network.layers) {
    for (const { array } of network.weights.get(layer.name) ?? []) {
      const { buffer, byteOffset, byteLength } = array.data;
      checksum = crc32(new Uint8Array(buffer, byteOffset, byteLength), checksum);
    }
  }
  return checksum.toString(16).padStart(8, "0");
}

import type { ImageInput, ImageSource } from "../images/image-source.js";
import { readImageFile } from "../images/read-image-file.node.js";
import type { Network } from "../network/network.js";

/**
 * SHA-256 of everything that a network's values for some pictures depend on: its layers and weights, the pictures' bytes,
 * names and labels in their order, and how they are prepared. Two that are equal give the same rows.
 *
 * @param preparation what is done to the pictures, as text
 * @returns 64 hexadecimal digits
 * @throws FileAccessError if a picture cannot be read
 */
export async function valuesFingerprint(
  network: Network,
  source: ImageSource,
  preparation: string,
  signal?: AbortSignal | undefined,
): Promise<string> {
  const { layers, inputs, outputs, weights } = network;
  const lines = [preparation, JSON.stringify({ layers, inputs, outputs, classes: source.classLabels })];
  for (const [layer, own] of weights) {
    for (const { name, array } of own)
      lines.push(JSON.stringify([layer, name, await digest(bytesOfArray(array.data))]));
  }
  for await (const { image, name, label } of source) {
    signal?.throwIfAborted();
    lines.push(JSON.stringify([name, label ?? null, await imageDigest(image, signal)]));
  }
  return digest(new TextEncoder().encode(lines.join("\n")));
}

async function imageDigest(image: ImageInput, signal: AbortSignal | undefined): Promise<string> {
  if (typeof image === "string") return digest(await readImageFile(image, signal));
  if (image instanceof Uint8Array) return digest(image);
  if (image instanceof ArrayBuffer) return digest(new Uint8Array(image));
  if (image instanceof Blob) return digest(new Uint8Array(await image.arrayBuffer()));
  return `${image.shape.join("x")} ${await digest(bytesOfArray(image.data))}`;
}

function bytesOfArray({ buffer, byteOffset, byteLength }: Uint8Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

async function digest(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

import { InvalidDatasetError } from "../../errors.js";
import { type NdArray, type Shape, sizeOf } from "../../ndarray.js";
import { float16ToFloat32 } from "../float16.js";
import { ndArray, typedArrays } from "../typed-array.js";
import type { Datatype } from "./datatype.js";
import { type MetadataReader, readAddress } from "./metadata-reader.js";

/** Makes an array for values of a datatype; float16 becomes float32. */
export function allocateFor(type: Datatype, shape: Shape, file: string, what: string): NdArray {
  const dtype = type.dtype === "float16" ? "float32" : (type.dtype as keyof typeof typedArrays);
  try {
    return ndArray(dtype, shape, new typedArrays[dtype](sizeOf(shape)) as never);
  } catch (cause) {
    throw new InvalidDatasetError(
      file,
      `Reading ${what} in "${file}": an array of shape [${shape.join(", ")}] is too large for memory. Read it by rows.`,
      { cause },
    );
  }
}

/** Reverses the bytes of every element, in place. */
export function swapBytes(bytes: Uint8Array, size: number): void {
  if (size === 1) return;
  for (let start = 0; start < bytes.length; start += size) {
    for (let i = 0; i < size >> 1; i++) {
      const low = bytes[start + i] as number;
      bytes[start + i] = bytes[start + size - 1 - i] as number;
      bytes[start + size - 1 - i] = low;
    }
  }
}

/** Turns an element's bytes as stored into numbers of the array's own type. `bytes` may be changed. */
export function decodeNumbers(bytes: Uint8Array, type: Datatype, target: NdArray): void {
  if (type.bigEndian) swapBytes(bytes, type.size);
  if (type.dtype === "float16") {
    const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
    float16ToFloat32(
      new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2),
      target.data as Float32Array,
    );
    return;
  }
  new Uint8Array(target.data.buffer, target.data.byteOffset, target.data.byteLength).set(bytes);
}

/** Texts may share a few bytes, but no sound file makes more of them than this and itself. */
const greatestShared = 64 * 1024 * 1024;

/** Turns stored strings into JavaScript ones, following references into the global heap. */
export async function decodeStrings(
  metadata: MetadataReader,
  bytes: DataView,
  type: Datatype,
  count: number,
  what: string,
): Promise<string[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const heaps = new Map<number, ReadonlyMap<number, Uint8Array>>();
  const strings: string[] = [];
  let textBytes = 0;
  let heapBytes = 0;
  for (let i = 0; i < count; i++) {
    let text: Uint8Array;
    if (type.string?.variable) {
      const length = bytes.getUint32(i * 16, true);
      const address = readAddress(bytes, i * 16 + 4);
      const index = bytes.getUint32(i * 16 + 12, true);
      if (!address) {
        strings.push("");
        continue;
      }
      let heap = heaps.get(address);
      if (!heap) {
        const { objects, size } = await readGlobalHeap(metadata, address);
        heapBytes += size;
        heap = objects;
        heaps.set(address, heap);
      }
      const stored = heap.get(index);
      if ((stored?.length ?? 0) !== length) {
        throw new InvalidDatasetError(
          metadata.name,
          `Reading ${what} in "${metadata.name}": string ${i} is not where the file says. The file is damaged.`,
        );
      }
      text = stored ?? new Uint8Array(0);
      textBytes += length;
      // References to one text many times, or tables that lie over each other, would need memory without end.
      if (textBytes > Math.max(metadata.size, greatestShared) || heapBytes > metadata.size) {
        throw new InvalidDatasetError(
          metadata.name,
          `Reading ${what} in "${metadata.name}": up to string ${i} there is more text than the file can hold. The file is damaged.`,
        );
      }
    } else {
      text = new Uint8Array(bytes.buffer, bytes.byteOffset + i * type.size, type.size);
    }
    const nul = text.indexOf(0);
    if (nul >= 0) text = text.subarray(0, nul);
    if (type.string?.padding === "space-padded") {
      let end = text.length;
      while (end > 0 && text[end - 1] === 32) end--;
      text = text.subarray(0, end);
    }
    try {
      strings.push(decoder.decode(text));
    } catch (cause) {
      throw new InvalidDatasetError(metadata.name, `Reading ${what} in "${metadata.name}": string ${i} is not UTF-8.`, {
        cause,
      });
    }
  }
  return strings;
}

/** Objects of one global heap collection by index (III.E), and the bytes that it takes. */
async function readGlobalHeap(
  metadata: MetadataReader,
  address: number,
): Promise<{ readonly objects: ReadonlyMap<number, Uint8Array>; readonly size: number }> {
  const head = await metadata.view(address, 16);
  const size = readAddress(head, 8) ?? 0;
  if (head.getUint32(0, false) !== 0x47434f4c || head.getUint8(4) !== 1 || size < 16) {
    throw new InvalidDatasetError(
      metadata.name,
      `Reading strings of "${metadata.name}": there is no table of strings at position ${address}. The file is damaged.`,
    );
  }
  const view = await metadata.view(address, size);
  const objects = new Map<number, Uint8Array>();
  for (let offset = 16; offset + 16 <= size; ) {
    const index = view.getUint16(offset, true);
    const length = readAddress(view, offset + 8) ?? size;
    // Object 0 is the free space, which reaches to the end.
    if (index === 0) break;
    if (offset + 16 + length > size) {
      throw new InvalidDatasetError(
        metadata.name,
        `Reading strings of "${metadata.name}": one at position ${address + offset} reaches beyond its table. The file is damaged.`,
      );
    }
    objects.set(index, new Uint8Array(view.buffer, view.byteOffset + offset + 16, length));
    offset += 16 + Math.ceil(length / 8) * 8;
  }
  return { objects, size };
}

/** Readers allocate collections of at least this size. */
const smallestCollection = 4096;
/** Indices are 16 bits wide; smaller collections keep reads local. */
const greatestCount = 4096;

/** Strings gathered for one global heap collection, at a position known beforehand. */
export interface HeapCollection {
  /** Whether no further string belongs into this collection. */
  readonly full: boolean;
  /** Puts a string in and returns its reference for a dataset or attribute: 16 bytes. */
  add(text: string): Uint8Array;
  /** The collection's bytes (HDF5 file format 3.0, III.E); empty if no string needed a place. */
  encode(): Uint8Array;
}

/** Starts a collection that will lie at `position` in the file. */
export function createHeapCollection(position: number): HeapCollection {
  const encoder = new TextEncoder();
  const texts: Uint8Array[] = [];
  return {
    get full() {
      return texts.length >= greatestCount;
    },
    add(text) {
      const reference = new Uint8Array(16);
      const bytes = encoder.encode(text);
      // An empty string has no place in a heap; its reference is all zeros.
      if (bytes.length === 0) return reference;
      texts.push(bytes);
      const view = new DataView(reference.buffer);
      view.setUint32(0, bytes.length, true);
      view.setBigUint64(4, BigInt(position), true);
      view.setUint32(12, texts.length, true);
      return reference;
    },
    encode() {
      if (texts.length === 0) return new Uint8Array(0);
      const used = texts.reduce((sum, text) => sum + 16 + Math.ceil(text.length / 8) * 8, 16);
      // The rest is free space with a head of 16 bytes of its own.
      const size = Math.max(smallestCollection, used + 16);
      const bytes = new Uint8Array(size);
      const view = new DataView(bytes.buffer);
      bytes.set([0x47, 0x43, 0x4f, 0x4c, 1]);
      view.setBigUint64(8, BigInt(size), true);
      let offset = 16;
      for (const [i, text] of texts.entries()) {
        view.setUint16(offset, i + 1, true);
        view.setBigUint64(offset + 8, BigInt(text.length), true);
        bytes.set(text, offset + 16);
        offset += 16 + Math.ceil(text.length / 8) * 8;
      }
      view.setBigUint64(offset + 8, BigInt(size - offset), true);
      return bytes;
    },
  };
}

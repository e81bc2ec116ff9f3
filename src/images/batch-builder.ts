import { InvalidArgumentError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import type { SourceImage } from "./image-source.js";

/** A picture that was left out. */
export interface SkippedImage {
  readonly name: string;
  /** Why, in words. */
  readonly reason: string;
}

/** Pictures of one size, in the source's order. */
export interface ImageBatch {
  /** `[batch, height, width, 3]`, RGB. */
  readonly pixels: NdArray<"uint8">;
  /** Name of each picture. */
  readonly names: readonly string[];
  /** Label of each picture; `undefined` where the source has none, empty where only pictures were left out. */
  readonly labels: Int32Array | undefined;
  /** Pictures before or among these that were left out. They have no row here, no name and no label. */
  readonly skipped: readonly SkippedImage[];
}

/** A picture that went through, or why it did not. */
export interface LoadedImage {
  readonly item: SourceImage;
  /** The place that was reserved for it. */
  readonly slot: number;
  readonly skipped?: SkippedImage;
}

/** What batches are made of. */
export interface BatchSettings {
  readonly size: readonly [number, number];
  readonly batchSize: number;
  /** Number of the source's classes; 0 where it names none, and labels may be any integers from 0. */
  readonly classes: number;
  /** Makes the memory of a batch. */
  allocate(bytes: number): Uint8Array;
}

/**
 * Fills one batch after the other. Places are reserved in the order of the source, before it is known which pictures will
 * be skipped: so long as none is, each is where its row has to be, and nothing is moved.
 */
export class BatchBuilder {
  readonly #settings: BatchSettings;
  readonly #imageBytes: number;
  /** Memory of the batches that have a place reserved, by their number. */
  readonly #batches = new Map<number, Uint8Array>();
  #reserved = 0;
  /** Rows of all batches so far. */
  #rows = 0;
  #taken = 0;
  #names: string[] = [];
  #labels: number[] = [];
  #skipped: SkippedImage[] = [];
  #hasLabels: boolean | undefined;

  constructor(settings: BatchSettings) {
    this.#settings = settings;
    this.#imageBytes = settings.size[0] * settings.size[1] * 3;
  }

  get isFull(): boolean {
    return this.#names.length === this.#settings.batchSize;
  }

  get isEmpty(): boolean {
    return this.#names.length === 0 && this.#skipped.length === 0;
  }

  /** A place for the next picture of the source. */
  reserve(): { readonly slot: number; readonly target: Uint8Array } {
    const slot = this.#reserved++;
    return { slot, target: this.#place(slot) };
  }

  /** Takes the next picture, in the order in which places were reserved. */
  add({ item, slot, skipped }: LoadedImage): void {
    // Of pictures that are skipped too: a batch of nothing else must still tell that its source has labels.
    this.#checkLabel(item);
    if (skipped !== undefined) this.#skipped.push(skipped);
    else {
      const row = this.#rows++;
      // A row never comes after its place, so that what is written over was taken before.
      if (row !== slot) this.#place(row).set(this.#place(slot));
      this.#names.push(item.name);
      if (item.label !== undefined) this.#labels.push(item.label);
    }
    // Behind skipped pictures, places are ahead of rows: memory with no more places is let go until rows come to it.
    const [number, place] = [Math.floor(slot / this.#settings.batchSize), slot % this.#settings.batchSize];
    if (place === this.#settings.batchSize - 1 && number !== this.#taken) this.#batches.delete(number);
  }

  take(): ImageBatch {
    const { size, batchSize } = this.#settings;
    const count = this.#names.length;
    const whole = this.#batches.get(this.#taken) ?? new Uint8Array(0);
    this.#batches.delete(this.#taken++);
    const batch: ImageBatch = {
      pixels: {
        dtype: "uint8",
        shape: [count, ...size, 3],
        // A part of the memory of a full batch would keep all of it: the last batch is copied.
        data: count === batchSize ? whole : whole.slice(0, count * this.#imageBytes),
      },
      names: this.#names,
      labels: this.#hasLabels === true ? Int32Array.from(this.#labels) : undefined,
      skipped: this.#skipped,
    };
    this.#names = [];
    this.#labels = [];
    this.#skipped = [];
    return batch;
  }

  #place(row: number): Uint8Array {
    const { batchSize, allocate } = this.#settings;
    const number = Math.floor(row / batchSize);
    let batch = this.#batches.get(number);
    if (batch === undefined) {
      batch = allocate(batchSize * this.#imageBytes);
      this.#batches.set(number, batch);
    }
    const start = (row % batchSize) * this.#imageBytes;
    return batch.subarray(start, start + this.#imageBytes);
  }

  #checkLabel(item: SourceImage): void {
    this.#hasLabels ??= item.label !== undefined;
    if (this.#hasLabels !== (item.label !== undefined)) {
      throw new InvalidArgumentError(
        `Cannot load images: "${item.name}" has ${this.#hasLabels ? "no label" : "a label"}, unlike those before it. Give a label to all images of a source, or to none.`,
      );
    }
    if (item.label === undefined) return;
    const last = this.#settings.classes === 0 ? 0x7fffffff : this.#settings.classes - 1;
    if (!Number.isInteger(item.label) || item.label < 0 || item.label > last) {
      throw new InvalidArgumentError(
        `Cannot load images: "${item.name}" has the label ${item.label}, expected an integer from 0 to ${last}${this.#settings.classes === 0 ? "" : `, an index into the ${this.#settings.classes} \`classLabels\` of its source`}.`,
      );
    }
  }
}

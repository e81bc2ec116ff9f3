import type { HDF5DatasetWriter, HDF5DatasetWriterOptions } from "../../../src/hdf5-dataset-writer.js";
import type { NdArray } from "../../../src/ndarray.js";

/** A job of writing a data set, all of whose values follow from the place of a row. */
export interface SampleRun {
  readonly name: string;
  /** Rows that come and such that are skipped. */
  readonly places: number;
  /** Place of the first of them, where those before are for other shards. */
  readonly first?: number;
  readonly options: HDF5DatasetWriterOptions;
}

const classLabels = ["cats", "dogs", "pandas"];

/** A run of small rows, of which many are gathered before they are written. */
export function smallRows(places: number, known: boolean): SampleRun {
  return {
    name: known ? "a known number of rows" : "rows whose number is not known",
    places,
    options: {
      ...(known ? { rows: places } : {}),
      rowShape: [16],
      bufferSize: 16,
      classLabels,
      attributes: { layer: "block5_pool" },
    },
  };
}

/** A run of rows that go to the file as they come, because a batch of them is large. */
export function largeRows(places: number): SampleRun {
  return {
    name: "rows of 160 kB",
    places,
    options: { rows: places, rowShape: [40_000], classLabels },
  };
}

/** A run whose rows are compressed when it is closed. */
export function compressedRows(places: number): SampleRun {
  const run = smallRows(places, false);
  return { ...run, name: "rows that are compressed in the end", options: { ...run.options, compression: { gzip: 1 } } };
}

/** Some places stand for pictures that cannot be decoded. */
export const isSkipped = (place: number) => place % 17 === 5;
export const labelAt = (place: number) => (place * 7) % classLabels.length;
export const nameAt = (place: number) => (place % 50 === 3 ? "" : `Bär/${place}${"x".repeat((place * 13) % 90)}.jpg`);

/** The rows of the places from `start` up to `end`, those of skipped places left out. */
export function rowsAt(run: SampleRun, start: number, end: number): NdArray<"float32"> {
  const places = kept(start, end);
  const length = run.options.rowShape.reduce((product, axis) => product * axis, 1);
  const data = new Float32Array(places.length * length);
  for (const [i, place] of places.entries()) {
    for (let j = 0; j < length; j++) data[i * length + j] = ((place * 31 + j * 7) % 1009) / 8;
  }
  return { dtype: "float32", shape: [places.length, ...run.options.rowShape], data };
}

/** The places from `start` up to `end` that have a row. */
export function kept(start: number, end: number): readonly number[] {
  return Array.from({ length: end - start }, (_, i) => start + i).filter((place) => !isSkipped(place));
}

/** What somebody who watches a run is told. */
export interface Progress {
  /** Places done that the writer has promised to keep. */
  readonly flushed?: (places: number) => void;
  readonly closing?: () => void;
}

/** Writes everything from where the writer stands, in batches and with flushes as `random` says, and closes. */
export async function writeSampleRun(
  run: SampleRun,
  writer: HDF5DatasetWriter,
  random: () => number,
  progress: Progress = {},
): Promise<void> {
  const greatest = run.options.rowShape[0] === 16 ? 7 : 12;
  const { first = 0 } = run;
  const last = first + run.places;
  for (let place = first + writer.rowsWritten + writer.rowsSkipped; place < last; ) {
    const end = Math.min(last, place + 1 + Math.floor(random() * greatest));
    await addPlaces(run, writer, place, end);
    place = end;
    if (random() < 0.6) {
      await writer.flush();
      progress.flushed?.(writer.rowsWritten + writer.rowsSkipped);
    }
  }
  progress.closing?.();
  await writer.close();
}

/** Adds the places from `start` up to `end` in one batch. */
export async function addPlaces(run: SampleRun, writer: HDF5DatasetWriter, start: number, end: number): Promise<void> {
  const places = kept(start, end);
  await writer.add(rowsAt(run, start, end), places.map(labelAt), {
    names: places.map(nameAt),
    skipped: end - start - places.length,
  });
}

import { InvalidArgumentError, InvalidDatasetError } from "../errors.js";
import { type NdArray, type Shape, sizeOf } from "../ndarray.js";
import type { BatchColumn } from "./column-reader.js";
import type { AttributeValue } from "./dataset-attributes.js";
import type { HDF5Source } from "./engine.js";
import { type DatasetColumn, type OpenDataset, type OpenDatasetOptions, openDataset } from "./open-dataset.js";
import { ndArray, typedArrays } from "./typed-array.js";
import type { Verification } from "./verify-dataset.js";

/**
 * Opens several files as one data set: the rows of the second follow those of the first, and so on.
 *
 * @throws InvalidArgumentError for an empty list
 * @throws InvalidDatasetError naming the first file that does not fit to those before it
 */
export async function openDatasets(sources: readonly HDF5Source[], options: OpenDatasetOptions): Promise<OpenDataset> {
  if (sources.length === 0)
    throw new InvalidArgumentError("`open` received an empty list of files: give at least one.");
  const parts: OpenDataset[] = [];
  try {
    for (const source of sources) {
      const part = await openDataset(source, options);
      parts.push(part);
      checkFits(parts[0] as OpenDataset, part);
    }
  } catch (error) {
    await closeAll(parts);
    throw error;
  }
  return parts.length === 1 ? (parts[0] as OpenDataset) : joined(parts as [OpenDataset, ...OpenDataset[]]);
}

async function closeAll(parts: readonly OpenDataset[]): Promise<void> {
  const results = await Promise.allSettled(parts.map((part) => part.close()));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

function checkFits(first: OpenDataset, part: OpenDataset): void {
  const differ = (what: string, theirs: string, expected: string) => {
    throw new InvalidDatasetError(
      part.name,
      `"${part.name}" cannot be opened together with "${first.name}": it has ${what} ${theirs}, not ${expected}. Open them one by one, or make them alike.`,
    );
  };
  const shape = (dataset: OpenDataset) => `[${dataset.rowShape.join(", ")}]`;
  const classes = (dataset: OpenDataset) => JSON.stringify(dataset.classLabels);
  const labelled = ({ labelShape }: OpenDataset) =>
    labelShape === undefined ? "missing" : labelShape.length === 0 ? "given" : `of shape [${labelShape.join(", ")}]`;
  const form = ({ dtype, shape }: DatasetColumn) => `${dtype} of shape [${shape.join(", ")}]`;
  if (shape(part) !== shape(first)) differ("rows of shape", shape(part), shape(first));
  if (part.dtype !== first.dtype) differ("rows of type", part.dtype, first.dtype);
  if (labelled(part) !== labelled(first)) differ("labels", labelled(part), labelled(first));
  if (classes(part) !== classes(first)) differ("the class names", classes(part), classes(first));
  for (const [i, column] of part.columns.entries()) {
    const expected = first.columns[i] as DatasetColumn;
    if (form(column) !== form(expected)) differ(`column "${column.key}"`, form(column), form(expected));
  }
}

function joined(parts: readonly [OpenDataset, ...OpenDataset[]]): OpenDataset {
  const [first] = parts;
  const starts = [0];
  for (const { rows } of parts) starts.push((starts.at(-1) as number) + rows);
  const rows = starts.at(-1) as number;
  let labels: Int32Array | undefined;
  if (first.labels) {
    labels = new Int32Array(rows);
    // The labels of an unfinished file reach beyond the rows there are.
    for (const [i, part] of parts.entries()) labels.set(part.labels?.subarray(0, part.rows) ?? [], starts[i]);
  }

  function partOf(row: number): number {
    let part = 0;
    while (row >= (starts[part + 1] as number)) part++;
    return part;
  }

  /** What each file has of some rows; `only` where a single one has them all. */
  async function gather<T>(
    indices: Uint32Array,
    read: (part: OpenDataset, local: Uint32Array, only: boolean) => Promise<T>,
  ): Promise<{ readonly only: T | undefined; readonly pieces: readonly Piece<T>[] }> {
    const places = parts.map((): number[] => []);
    for (const [place, row] of indices.entries()) places[partOf(row)]?.push(place);
    const only = places.findIndex((own) => own.length === indices.length);
    if (only >= 0) {
      const piece = await read(parts[only] as OpenDataset, within(indices, starts[only] as number), true);
      return { only: piece, pieces: [] };
    }
    const pieces = await Promise.all(
      parts.map(async (part, i) => {
        const own = places[i] as number[];
        const local = Uint32Array.from(own, (place) => (indices[place] as number) - (starts[i] as number));
        return own.length === 0 ? [] : [{ places: own, piece: await read(part, local, false) }];
      }),
    );
    return { only: undefined, pieces: pieces.flat() };
  }

  return {
    name: `${first.name}" and ${parts.length - 1} more, "${parts
      .slice(1)
      .map(({ name }) => name)
      .join('", "')}`,
    path: first.path,
    rows,
    rowShape: first.rowShape,
    rowBytes: first.rowBytes,
    blockRows: Math.max(...parts.map(({ blockRows }) => blockRows)),
    dtype: first.dtype,
    labels,
    labelShape: first.labelShape,
    columns: first.columns,
    classLabels: first.classLabels,
    async read(indices, buffer) {
      const gathered = await gather(indices, (part, local, only) => part.read(local, only ? buffer : undefined));
      return gathered.only ?? (scattered(gathered.pieces, indices.length, first.rowShape) as NdArray);
    },
    async readLabels(indices) {
      if (first.labelShape === undefined) return first.readLabels(indices);
      const gathered = await gather(indices, (part, local) => part.readLabels(local));
      return gathered.only ?? (scattered(gathered.pieces, indices.length, first.labelShape) as NdArray<"int32">);
    },
    async readColumns(indices) {
      const { only, pieces } = await gather(indices, (part, local) => part.readColumns(local));
      if (only) return only;
      return Object.fromEntries(
        first.columns.map(({ key, shape }) => {
          const own = pieces.map(({ places, piece }) => ({ places, piece: piece[key] as BatchColumn }));
          return [key, scattered(own, indices.length, shape)];
        }),
      );
    },
    async fileNames() {
      const names: string[] = [];
      for (const part of parts) {
        const own = await part.fileNames();
        if (!own) return undefined;
        for (const name of own.slice(0, part.rows)) names.push(name);
      }
      return names;
    },
    async attributes() {
      const [own, ...others] = await Promise.all(parts.map((part) => part.attributes()));
      const common = new Map<string, AttributeValue>();
      for (const [name, value] of own ?? []) {
        const same = (other: ReadonlyMap<string, AttributeValue>) =>
          other.has(name) && JSON.stringify(other.get(name)) === JSON.stringify(value);
        if (others.every(same)) common.set(name, value);
      }
      return common;
    },
    async verify(signal) {
      const found: Verification[] = [];
      for (const part of parts) found.push(await part.verify(signal));
      const unverified = new Set(found.flatMap((one) => one.unverified));
      const verified = new Set(found.flatMap((one) => one.verified).filter((path) => !unverified.has(path)));
      return { verified: [...verified], unverified: [...unverified] };
    },
    close: () => closeAll(parts),
  };
}

/** What one of several files has of some rows, and which of them these are. */
interface Piece<T> {
  readonly places: readonly number[];
  readonly piece: T;
}

/** Puts the rows of several files where they belong among `rows`. */
function scattered(pieces: readonly Piece<BatchColumn>[], rows: number, rowShape: Shape): BatchColumn {
  const length = sizeOf(rowShape);
  const shape = [rows, ...rowShape];
  const { dtype } = (pieces[0] as Piece<BatchColumn>).piece;
  if (dtype === "string") {
    const data = Array<string>(rows * length);
    for (const { places, piece } of pieces) {
      for (const [i, place] of places.entries()) {
        for (let at = 0; at < length; at++) data[place * length + at] = piece.data[i * length + at] as string;
      }
    }
    return { dtype, shape, data };
  }
  const result = ndArray(dtype, shape, new typedArrays[dtype](rows * length) as never);
  for (const { places, piece } of pieces as readonly Piece<NdArray>[]) {
    for (const [i, place] of places.entries()) {
      result.data.set(piece.data.subarray(i * length, (i + 1) * length) as never, place * length);
    }
  }
  return result;
}

function within(indices: Uint32Array, start: number): Uint32Array {
  return start === 0 ? indices : indices.map((row) => row - start);
}

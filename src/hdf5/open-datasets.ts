import { InvalidArgumentError, InvalidDatasetError } from "../errors.js";
import { type NdArray, sizeOf } from "../ndarray.js";
import type { AttributeValue } from "./dataset-attributes.js";
import type { HDF5Source } from "./engine.js";
import { type OpenDataset, type OpenDatasetOptions, openDataset } from "./open-dataset.js";
import { ndArray, typedArrays } from "./typed-array.js";

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
  const labelled = (dataset: OpenDataset) => (dataset.labels ? "given" : "missing");
  if (shape(part) !== shape(first)) differ("rows of shape", shape(part), shape(first));
  if (part.dtype !== first.dtype) differ("rows of type", part.dtype, first.dtype);
  if (labelled(part) !== labelled(first)) differ("labels", labelled(part), labelled(first));
  if (classes(part) !== classes(first)) differ("the class names", classes(part), classes(first));
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
    classLabels: first.classLabels,
    async read(indices, buffer) {
      const places = parts.map((): number[] => []);
      for (const [place, row] of indices.entries()) places[partOf(row)]?.push(place);
      const only = places.findIndex((own) => own.length === indices.length);
      if (only >= 0) return (parts[only] as OpenDataset).read(within(indices, starts[only] as number), buffer);
      const pieces = await Promise.all(
        parts.map(async (part, i) => {
          const own = places[i] as number[];
          const local = Uint32Array.from(own, (place) => (indices[place] as number) - (starts[i] as number));
          return own.length === 0 ? undefined : { own, piece: await part.read(local) };
        }),
      );
      const length = sizeOf(first.rowShape);
      let result: NdArray | undefined;
      for (const found of pieces) {
        if (!found) continue;
        const { own, piece } = found;
        result ??= ndArray(
          piece.dtype,
          [indices.length, ...first.rowShape],
          new typedArrays[piece.dtype](indices.length * length) as never,
        );
        for (const [i, place] of own.entries()) {
          result.data.set(piece.data.subarray(i * length, (i + 1) * length) as never, place * length);
        }
      }
      return result as NdArray;
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
      for (const part of parts) await part.verify(signal);
    },
    close: () => closeAll(parts),
  };
}

function within(indices: Uint32Array, start: number): Uint32Array {
  return start === 0 ? indices : indices.map((row) => row - start);
}

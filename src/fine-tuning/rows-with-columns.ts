import type { DatasetView } from "../hdf5/dataset-view.js";
import type { ReadPictureColumns } from "../images/picture-columns.js";
import type { NdArray } from "../ndarray.js";
import type { TrainingBatch, TrainingData } from "../training/training-data.js";

/**
 * Rows that were computed from pictures, with the columns of these pictures.
 *
 * @param rows one for each picture, in their order
 * @param targetColumn the column that becomes the `ys`
 */
export function rowsWithColumns(
  rows: DatasetView,
  readColumns: ReadPictureColumns,
  targetColumn: string | undefined,
): TrainingData {
  async function* batches(
    options?: Parameters<NonNullable<TrainingData["batches"]>>[0],
  ): AsyncGenerator<TrainingBatch, void, undefined> {
    for await (const { xs, ys, indices } of rows.batches(options)) {
      const columns = readColumns(indices);
      yield { xs, ys: targetColumn === undefined ? ys : (columns[targetColumn] as NdArray), indices, columns };
    }
  }
  const { length, rowShape, classLabels, labels, indices, batchesPerPass } = rows;
  return {
    length,
    rowShape,
    classLabels,
    labels,
    indices,
    batchesPerPass,
    batches,
    [Symbol.asyncIterator]: () => batches(),
  };
}

import { InvalidArgumentError } from "../errors.js";
import type { BatchOptions } from "../hdf5/batch-options.js";
import { DatasetView } from "../hdf5/dataset-view.js";
import type { HDF5DatasetGeneratorOptions } from "../hdf5-dataset-generator.js";
import type { ImageSource } from "../images/image-source.js";
import { type ReadPictureColumns, readPictureColumns } from "../images/picture-columns.js";
import { describeValue } from "../options/check-option.js";
import type { TrainingData } from "../training/training-data.js";
import type { ModelParts } from "./model-parts.js";
import { trainingImages } from "./training-images.js";
import type { LabelledPictures } from "./transfer-model-options.js";

/** Labelled pictures as rows of pixels. */
export interface PictureRows {
  readonly data: TrainingData;
  /** How to have the same pictures once each; what makes that impossible, as the end of a sentence, where it is. */
  readonly still: StillPictures | string;
}

/** Pictures that are the same in every pass. */
export interface StillPictures {
  /** Each picture once. */
  readonly source: ImageSource;
  /** What an `HDF5DatasetGenerator` of a row for each of them must be told to give them out in the same order. */
  readonly order: Pick<HDF5DatasetGeneratorOptions, keyof BatchOptions | "labelKey">;
  /** Gives the pictures' columns, where they are in memory. */
  readonly readColumns: ReadPictureColumns | undefined;
}

/** How the rows of a call come. */
export type RowOptions = Pick<BatchOptions, "batchSize" | "sampling" | "augment"> & {
  readonly targetColumn?: string | undefined;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly signal: AbortSignal | undefined;
};

/**
 * Makes rows of pixels of labelled pictures in any form. What has a `rowShape` is rows already; a view of a data set can be
 * told anew how to give them out.
 *
 * @param name how messages call it: "train", "validation"
 * @throws InvalidArgumentError if it is neither a source nor rows, or an option does not go with it
 */
export async function pictureRows(
  name: string,
  pictures: LabelledPictures,
  parts: Pick<ModelParts, "pictures" | "task">,
  options: RowOptions,
): Promise<PictureRows> {
  const { batchSize, sampling, augment } = options;
  if (typeof pictures?.[Symbol.asyncIterator] !== "function") {
    throw new InvalidArgumentError(
      `\`${name}\` is ${describeValue(pictures)}: expected labelled pictures, such as an imageFolder or an HDF5DatasetGenerator.`,
    );
  }
  if (pictures instanceof DatasetView) return viewRows(pictures.with({ batchSize, sampling, augment }));
  if (isRows(pictures)) {
    const given = Object.entries({ batchSize, sampling, augment }).find(([, value]) => value !== undefined);
    if (given === undefined) return { data: pictures, still: "its rows come from an object of your own" };
    throw new InvalidArgumentError(
      `\`${given[0]}\` was given, but \`${name}\` is an object that makes its batches itself: expected an image source or an HDF5DatasetGenerator.`,
    );
  }
  const targetColumn = targetColumnOf(name, parts, options);
  const data = await trainingImages(pictures, { ...parts.pictures, ...options, targetColumn });
  if (!data.still) return { data, still: "`augment` varies the pictures" };
  const order = { ...data.order, labelKey: targetColumn === undefined ? undefined : null };
  return { data, still: { source: data.images, order, readColumns: readPictureColumns(data.images.images) } };
}

/** The column that is learned, where it is not the classes of the pictures. */
function targetColumnOf(
  name: string,
  { task }: Pick<ModelParts, "task">,
  { targetColumn }: RowOptions,
): string | undefined {
  // Whoever takes the rows refuses a column for a classification.
  if (task === "classification") return undefined;
  if (targetColumn !== undefined) return targetColumn;
  throw new InvalidArgumentError(
    `This model learns ${task === "multi-label" ? "several labels" : "numbers"}, but pictures of \`${name}\` have one class each: name the column with ${task === "multi-label" ? "ones and zeros" : "numbers"} of theirs with \`targetColumn\`, and give it to them with \`images.withColumns({ ... })\`.`,
  );
}

function isRows(pictures: LabelledPictures): pictures is TrainingData {
  return Array.isArray((pictures as TrainingData).rowShape);
}

function viewRows(view: DatasetView<"uint8" | "float32">): PictureRows {
  const { dtype, augment, preprocessors, ...order } = view.settings;
  const { labels } = view;
  const why =
    augment !== undefined || preprocessors.length > 0
      ? "`augment` or `preprocessors` change the pictures"
      : dtype !== "uint8"
        ? 'its rows are no bytes (open it with `dtype: "uint8"`)'
        : typeof order.shuffle === "object"
          ? "its rows are shuffled in blocks"
          : labels === undefined
            ? "its rows have no single class"
            : undefined;
  if (why !== undefined || labels === undefined) return { data: view, still: why ?? "" };
  const plain = view.with({ shuffle: false, sampling: "each", dropLast: false });
  const source: ImageSource = {
    length: plain.length,
    classLabels: view.classLabels,
    async *[Symbol.asyncIterator]() {
      let row = 0;
      for await (const { xs, indices } of plain.batches({ pass: 0 })) {
        const width = xs.data.length / indices.length;
        for (const [at, index] of indices.entries()) {
          const data = xs.data.slice(at * width, (at + 1) * width) as Uint8Array;
          yield { image: { dtype: "uint8", shape: view.rowShape, data }, name: `row ${index}`, label: labels[row++] };
        }
      }
    },
  };
  return { data: view, still: { source, order, readColumns: undefined } };
}

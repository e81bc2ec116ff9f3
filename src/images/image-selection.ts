import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import type { ImageSource, SourceImage } from "./image-source.js";
import { type PictureColumns, withColumns } from "./picture-columns.js";

/** An image source whose pictures are listed, so that parts of it can be taken: the result of a split, one class. */
export interface ImageSelection extends ImageSource {
  /** The pictures in order. */
  readonly images: readonly SourceImage[];
  /** Label of each picture, to split by; empty where there are no classes. */
  readonly labels: Int32Array;
  /**
   * The pictures at these positions, in this order; `classLabels` and labels stay as they are.
   *
   * @throws InvalidArgumentError if a position is not in 0..length - 1
   */
  select(indices: Iterable<number>): ImageSelection;
  /**
   * The same pictures with further numbers for each, by name: a weight (`sampleWeight` of `fit`), ones and zeros for several
   * labels or numbers to be met (`targetColumn`).
   *
   * @throws InvalidArgumentError for values that are no numbers
   * @throws ShapeMismatchError if there is not a value for each picture
   *
   * @example
   * const images = await imageFolder("animals/");
   * const weighted = images.withColumns({ weight: images.images.map(({ name }) => (name.includes("blurred") ? 0.5 : 1)) });
   */
  withColumns(columns: PictureColumns): ImageSelection;
}

/**
 * Makes a source of listed pictures.
 *
 * @param classLabels names in label order; empty if the pictures have no labels
 */
export function imageSelection(images: readonly SourceImage[], classLabels: readonly string[]): ImageSelection {
  return {
    images,
    classLabels,
    length: images.length,
    labels: Int32Array.from(classLabels.length === 0 ? [] : images.map((image) => image.label as number)),
    select: (indices) => {
      if (typeof indices !== "object" || indices === null || !(Symbol.iterator in indices)) {
        throw new InvalidArgumentError(
          `\`indices\` is ${describeValue(indices)}: expected positions of pictures, such as [0, 1].`,
        );
      }
      return imageSelection(
        Array.from(indices, (index) => {
          const image = images[index];
          if (image === undefined) {
            throw new InvalidArgumentError(
              `Cannot select image ${index}: expected positions from 0 to ${images.length - 1}, as the source has ${images.length} images.`,
            );
          }
          return image;
        }),
        classLabels,
      );
    },
    withColumns: (columns) => imageSelection(withColumns(images, columns), classLabels),
    async *[Symbol.asyncIterator]() {
      yield* images;
    },
  };
}

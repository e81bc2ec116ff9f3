import { InvalidArgumentError } from "../errors.js";
import { checkList, checkTexts } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import { type ImageSelection, imageSelection } from "./image-selection.js";
import type { ImageInput, SourceImage } from "./image-source.js";
import { type PictureColumns, withColumns } from "./picture-columns.js";

/** What is known about the pictures of a list. */
export interface ImageListOptions {
  /** Label of each picture: an index into `classLabels`. */
  readonly labels?: ArrayLike<number> | undefined;
  /**
   * Names of the classes in label order. Needed where a label is 10000 or more and at least the number of pictures.
   *
   * @default "0", "1", ... up to the largest label; none without `labels`
   */
  readonly classLabels?: readonly string[] | undefined;
  /** Name of each picture, stored beside its features and said in errors. @default the path, a `File`'s name, or `image 0`, `image 1`, ... */
  readonly names?: readonly string[] | undefined;
  /**
   * Further numbers for each picture, by name: a weight (`sampleWeight` of `fit`), ones and zeros for several labels or numbers
   * to be met (`targetColumn`). @default none
   */
  readonly columns?: PictureColumns | undefined;
}

/**
 * Pictures in the order given: paths, bytes of image files, `Blob`s, or pixels, also mixed.
 *
 * @throws InvalidArgumentError if `labels` or `names` is not as long as the list, or a label is no index into
 *   `classLabels`, or without `classLabels` is far larger than the number of pictures
 * @throws ShapeMismatchError if a column has not a value for each picture
 *
 * @example
 * const images = imageList(["a/1.jpg", "b/1.jpg"], { labels: [0, 1], classLabels: ["cat", "dog"] });
 */
export function imageList(inputs: readonly ImageInput[], options: ImageListOptions = {}): ImageSelection {
  checkOptions("imageList", options, { labels: true, columns: true, classLabels: true, names: true });
  checkList("inputs", inputs, 'a list of pictures, such as ["cat.jpg"]');
  const { labels, names } = options;
  if (names !== undefined) checkTexts("names", names, '["first", "second"]');
  if (options.classLabels !== undefined) checkTexts("classLabels", options.classLabels, '["cat", "dog"]');
  checkLength("labels", labels, inputs);
  checkLength("names", names, inputs);
  if (labels === undefined && options.classLabels !== undefined && inputs.length > 0) {
    throw new InvalidArgumentError(
      "Cannot list images: `classLabels` was passed without `labels`. Pass the label of each image too.",
    );
  }
  const classLabels = options.classLabels ?? numbered(labels);
  const images = inputs.map((image, index): SourceImage => {
    const name = names?.[index] ?? nameOf(image, index);
    return labels === undefined
      ? { image, name }
      : { image, name, label: checkLabel(labels[index], index, classLabels) };
  });
  return imageSelection(withColumns(images, options.columns ?? {}), classLabels);
}

function checkLength(option: string, values: ArrayLike<unknown> | undefined, inputs: readonly ImageInput[]): void {
  if (values !== undefined && values.length !== inputs.length) {
    throw new InvalidArgumentError(
      `Cannot list images: \`${option}\` has ${values.length} entries for ${inputs.length} images. Pass one for each.`,
    );
  }
}

/** So many classes are numbered even for a few pictures; more only where there are as many pictures. */
const numberedClasses = 10_000;

function numbered(labels: ArrayLike<number> | undefined): readonly string[] {
  if (labels === undefined) return [];
  const largest = Array.from(labels).reduce((most, label) => Math.max(most, Math.floor(label)), -1);
  if (largest >= Math.max(numberedClasses, labels.length)) {
    throw new InvalidArgumentError(
      `Cannot list images: the largest of the \`labels\` of ${labels.length} images is ${largest}, so that there would be ${largest + 1} classes. Number the classes from 0 without gaps, or pass their names as \`classLabels\`.`,
    );
  }
  return Number.isSafeInteger(largest) ? Array.from({ length: largest + 1 }, (_, label) => String(label)) : [];
}

function checkLabel(label: number | undefined, index: number, classLabels: readonly string[]): number {
  if (label === undefined || !Number.isInteger(label) || label < 0 || label >= classLabels.length) {
    throw new InvalidArgumentError(
      `Cannot list images: label ${label} of image ${index} is not an index into the ${classLabels.length} \`classLabels\`. Labels are integers from 0.`,
    );
  }
  return label;
}

function nameOf(image: ImageInput, index: number): string {
  if (typeof image === "string") return image;
  const hasName = typeof Blob === "function" && image instanceof Blob && "name" in image;
  return hasName && typeof image.name === "string" ? image.name : `image ${index}`;
}

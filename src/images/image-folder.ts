import { InvalidArgumentError } from "../errors.js";
import { checkBoolean, checkOneOf, checkText, checkTexts } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import { type ImageSelection, imageSelection } from "./image-selection.js";
import { listFiles, listFolders } from "./list-files.node.js";

/** What of a folder is taken. */
export interface ImageFolderOptions {
  /**
   * `"inferred"`: each folder is a class. `null`: the folder's pictures in all depths, without classes, such as those
   * that are to be classified.
   *
   * @default "inferred"
   */
  readonly labels?: "inferred" | null | undefined;
  /**
   * Extensions of the files that are taken, in any case. Files of other kinds are left out without a word, as Keras does.
   * Add `".webp"` and `".tif"`, `".tiff"` to take those.
   *
   * @default [".bmp", ".gif", ".jpeg", ".jpg", ".png"], as Keras
   */
  readonly extensions?: readonly string[] | undefined;
  /** Whether links to folders are followed. Links to files, and classes that are links, always are. @default false */
  readonly followLinks?: boolean | undefined;
  /** The classes to take, in the order of their labels. @default every folder that does not start with ".", sorted */
  readonly classNames?: readonly string[] | undefined;
}

/** The pictures of a folder with one folder per class. */
export interface ImageFolder extends ImageSelection {
  /** The folder, as it was passed. */
  readonly directory: string;
}

/** Extensions that Keras takes. */
export const defaultExtensions: readonly string[] = [".bmp", ".gif", ".jpeg", ".jpg", ".png"];

/**
 * Lists the pictures of a folder that holds one folder per class, with the labels and the order of Keras's
 * `image_dataset_from_directory` before its shuffle: classes sorted by code point, pictures found in all depths. Nothing
 * is decoded yet. A class without pictures keeps its label.
 *
 * Each picture's name is its path within the folder with forward slashes, such as `cats/kitten 1.jpg`.
 *
 * @throws FileAccessError if the folder is missing, is a file, or cannot be read
 * @throws InvalidArgumentError if there is no class folder or no picture in it, a name of `classNames` has no folder or
 *   comes twice, or an extension does not start with "."
 *
 * @example
 * const images = await imageFolder("animals/", { extensions: [".jpg", ".webp"] });
 * images.classLabels; // ["cats", "dogs", "panda"]
 */
export async function imageFolder(directory: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
  checkOptions("imageFolder", options, { labels: true, extensions: true, followLinks: true, classNames: true });
  checkText("directory", directory, "the path of a folder");
  const { labels = "inferred", extensions = defaultExtensions, followLinks = false, classNames } = options;
  checkOneOf("labels", labels, ["inferred", null]);
  checkTexts("extensions", extensions, '[".jpg", ".png"]');
  checkBoolean("followLinks", followLinks);
  if (classNames !== undefined) checkTexts("classNames", classNames, '["cats", "dogs"]');
  const endings = extensions.map(checkExtension);
  const accept = (name: string): boolean => {
    const lower = name.toLowerCase();
    return endings.some((ending) => lower.endsWith(ending));
  };
  const base = withoutEndSlash(directory);
  if (labels === null) {
    if (classNames !== undefined) {
      throw new InvalidArgumentError(
        `Cannot list images in "${directory}": \`classNames\` was passed with \`labels: null\`, which takes images without classes. Leave out one of them.`,
      );
    }
    const files = await listFiles(base, accept, followLinks);
    checkFound(files.length, directory, "it holds", extensions);
    const images = files.map(({ path, relative }) => ({ image: path, name: relative }));
    return { ...imageSelection(images, []), directory };
  }

  const folders = (await listFolders(directory)).filter((name) => !name.startsWith("."));
  if (folders.length === 0) {
    throw new InvalidArgumentError(
      `Cannot list images in "${directory}": it has no folders. Put the images of each class into a folder of its own, or pass \`labels: null\` for images without classes.`,
    );
  }
  const classLabels = classNames === undefined ? folders : checkClassNames(classNames, folders, directory);
  const byClass = await Promise.all(classLabels.map((name) => listFiles(`${base}/${name}`, accept, followLinks)));
  const images = byClass.flatMap((files, label) =>
    files.map(({ path, relative }) => ({ image: path, name: `${classLabels[label]}/${relative}`, label })),
  );
  checkFound(images.length, directory, `its ${classLabels.length} class folders hold`, extensions);
  return { ...imageSelection(images, classLabels), directory };
}

function checkFound(count: number, directory: string, place: string, extensions: readonly string[]): void {
  if (count > 0) return;
  throw new InvalidArgumentError(
    `Cannot list images in "${directory}": ${place} no file with one of the \`extensions\` ${extensions.join(", ")}.`,
  );
}

function checkExtension(extension: string): string {
  if (!extension.startsWith(".") || extension.length < 2) {
    throw new InvalidArgumentError(
      `Cannot list images: "${extension}" in \`extensions\` is not an extension. Write it with its dot, such as ".jpg".`,
    );
  }
  return extension.toLowerCase();
}

function checkClassNames(
  classNames: readonly string[],
  folders: readonly string[],
  directory: string,
): readonly string[] {
  const unknown = classNames.filter((name) => !folders.includes(name));
  if (unknown.length > 0 || classNames.length === 0) {
    const problem =
      unknown.length > 0 ? `has no folder named "${unknown.join('", "')}"` : "is to be read with no class";
    throw new InvalidArgumentError(
      `Cannot list images: "${directory}" ${problem}. \`classNames\` takes some or all of "${folders.join('", "')}".`,
    );
  }
  const twice = classNames.find((name, index) => classNames.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new InvalidArgumentError(`Cannot list images: \`classNames\` has "${twice}" twice. Name each class once.`);
  }
  return [...classNames];
}

function withoutEndSlash(directory: string): string {
  return directory.length > 1 ? directory.replace(/\/+$/, "") || "/" : directory;
}

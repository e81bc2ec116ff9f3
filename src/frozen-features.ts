import type { AbortOptions, Backend } from "./backends/backend.js";
import { InvalidDatasetError, isCnnTransferError } from "./errors.js";
import type { ExtractionProgress } from "./extraction/extraction-progress.js";
import { describePreparation, type PictureOptions } from "./extraction/picture-options.js";
import { FeatureExtractor } from "./feature-extractor.js";
import type { CacheFolder } from "./fine-tuning/cache-folder.node.js";
import { valuesFingerprint } from "./fine-tuning/fingerprint.js";
import type { StillPictures } from "./fine-tuning/picture-rows.js";
import type { SplitNetwork } from "./fine-tuning/split-network.js";
import { HDF5DatasetGenerator } from "./hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "./hdf5-dataset-writer.js";
import type { ImageSource } from "./images/image-source.js";
import type { PreprocessMode } from "./images/preprocess.js";

/** What is to be computed once, and where it is kept. */
export interface FrozenFeaturesOptions extends AbortOptions {
  readonly split: SplitNetwork;
  readonly preprocess: PreprocessMode;
  readonly pictures: PictureOptions;
  /** The pictures, with labels. */
  readonly source: ImageSource;
  /** How the rows are given out. */
  readonly order: StillPictures["order"];
  readonly folder: CacheFolder;
  readonly backend: Backend | undefined;
  readonly onFeatures: ((progress: ExtractionProgress) => void) | undefined;
}

/**
 * Opens the values of a network's frozen part for some pictures, one row for each in the source's order. They are taken from a
 * file of an earlier run if its fingerprint is that of these weights, pictures and settings and its checksums hold, and
 * computed else; what an earlier run has left unfinished is continued.
 *
 * The fingerprint is the file's name and stands in it: a file of other weights or pictures is never taken for this one.
 *
 * @throws ImageDecodeError or FileAccessError for a picture that cannot be opened
 * @throws FileAccessError if the file cannot be written, for example because the disk is full
 * @throws BackendUnavailableError if the backend does not start
 */
export async function openFrozenFeatures(options: FrozenFeaturesOptions): Promise<HDF5DatasetGenerator> {
  const { split, pictures, source, folder, signal } = options;
  const preparation = describePreparation(pictures, options.preprocess);
  const fingerprint = await valuesFingerprint(split.frozen, source, preparation, signal);
  const path = folder.pathOf(`frozen-${fingerprint.slice(0, 32)}.hdf5`);
  const kept = await openKept(path, fingerprint, options);
  if (kept !== "missing" && kept !== "damaged") return kept;
  await compute(path, fingerprint, kept === "damaged", options);
  return HDF5DatasetGenerator.open(path, options.order);
}

async function openKept(
  path: string,
  fingerprint: string,
  { source, order, signal }: FrozenFeaturesOptions,
): Promise<HDF5DatasetGenerator | "missing" | "damaged"> {
  let data: HDF5DatasetGenerator;
  try {
    data = await HDF5DatasetGenerator.open(path, order);
  } catch (error) {
    if (isCnnTransferError(error, "FileAccessError") && error.reason === "missing") return "missing";
    if (isCnnTransferError(error, "InvalidDatasetError")) return "damaged";
    throw error;
  }
  try {
    const stored = (await data.attributes()).get("fingerprint");
    if (stored !== fingerprint || data.indices.length !== source.length) {
      throw new InvalidDatasetError(path, `"${path}" is not what its name says.`);
    }
    await data.verify({ signal });
    return data;
  } catch (error) {
    await data.close();
    if (isCnnTransferError(error, "InvalidDatasetError")) return "damaged";
    throw error;
  }
}

async function compute(
  path: string,
  fingerprint: string,
  overwrite: boolean,
  options: FrozenFeaturesOptions,
): Promise<void> {
  const { split, preprocess, pictures, source, signal } = options;
  const { size: imageSize, ...pictureOptions } = pictures;
  await using extractor = await FeatureExtractor.create({
    ...pictureOptions,
    backbone: split.frozen,
    layer: split.layer,
    pooling: "none",
    imageSize,
    preprocess,
    backend: options.backend,
    signal,
  });
  await using writer = await HDF5DatasetWriter.create(path, {
    rows: source.length,
    rowShape: split.shape,
    classLabels: source.classLabels,
    attributes: { ...extractor.attributes, fingerprint },
    resume: true,
    overwrite,
  });
  await extractor.extractTo(writer, source, { resume: true, onProgress: options.onFeatures, signal });
  await writer.close();
}

import type { HDF5Engine, HDF5Source } from "./hdf5/engine.js";
import { HDF5DatasetGenerator } from "./hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "./hdf5-dataset-writer.js";
import type { CheckedBatch } from "./training/checked-batches.js";
import { checkClassifier, classifierAttribute, invalidClassifier, nameOfSource } from "./training/classifier-file.js";
import type { Target } from "./training/target.js";

/** How neighbours vote. */
export interface NeighborsSettings {
  readonly neighbors: number;
  readonly weights: "uniform" | "distance";
  readonly metric: "cosine" | "euclidean";
}

const classifier = "KNeighborsClassifier";

/**
 * Writes rows with their classes into a file that is a data set like any other; what the classifier is stands in the attributes.
 *
 * @throws FileAccessError if the file cannot be written, or exists and is not to be replaced
 */
export async function writeNeighbors(
  path: string,
  batches: AsyncIterable<CheckedBatch>,
  {
    rows,
    target,
    settings,
    overwrite,
  }: {
    readonly rows: number;
    readonly target: Target;
    readonly settings: NeighborsSettings;
    readonly overwrite: boolean;
  },
): Promise<void> {
  const { inputShape: rowShape, classLabels } = target;
  const attributes = { [classifierAttribute]: classifier, ...settings };
  const writer = await HDF5DatasetWriter.create(path, { rows, rowShape, classLabels, attributes, overwrite });
  try {
    for await (const { xs, classes } of batches) await writer.add(xs, classes);
    await writer.close();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/**
 * Opens such a file, and checks it.
 *
 * @throws FileAccessError if it cannot be read
 * @throws InvalidDatasetError if it is not HDF5, or is damaged
 * @throws InvalidModelError if it holds another classifier, or settings that cannot be
 */
export async function openNeighbors(
  source: HDF5Source,
  { engine, signal }: { readonly engine?: HDF5Engine | undefined; readonly signal?: AbortSignal | undefined },
): Promise<{ readonly data: HDF5DatasetGenerator; readonly settings: NeighborsSettings }> {
  const data = await HDF5DatasetGenerator.open(source, { engine, batchSize: 256 });
  try {
    const name = nameOfSource(source);
    const facts = await data.attributes();
    checkClassifier(name, facts, classifier);
    const [neighbors, weights, metric] = [facts.get("neighbors"), facts.get("weights"), facts.get("metric")];
    if (typeof neighbors !== "number" || !Number.isInteger(neighbors) || neighbors < 1 || neighbors > data.length) {
      throw invalidClassifier(name, `\`neighbors\` is ${String(neighbors)} for ${data.length} rows`);
    }
    if (weights !== "uniform" && weights !== "distance") {
      throw invalidClassifier(name, `\`weights\` is ${String(weights)}`);
    }
    if (metric !== "cosine" && metric !== "euclidean") {
      throw invalidClassifier(name, `\`metric\` is ${String(metric)}`);
    }
    if (data.labels === undefined || data.classLabels.length < 2) {
      throw invalidClassifier(name, "its rows have no names of classes");
    }
    await data.verify({ signal });
    return { data, settings: { neighbors, weights, metric } };
  } catch (error) {
    await data.close();
    throw error;
  }
}

import { crc32 } from "../checksum/crc32.node.js";
import { isCnnTransferError } from "../errors.js";
import { toAttributes } from "../hdf5/dataset-attributes.js";
import type { HDF5File, HDF5Item } from "../hdf5/engine.js";
import { labelNames } from "../keras/hdf5-items.js";
import { type NdArray, sizeOf } from "../ndarray.js";
import type { ClassMeans } from "./class-means.js";
import { checkClassifier, classifierAttribute, invalidClassifier, readFactsOf } from "./classifier-file.js";
import { checkClassLabels } from "./head-network.js";
import type { Target } from "./target.js";

/** What a `NearestCentroid` consists of. */
export interface CentroidParts extends Pick<ClassMeans, "means" | "deviations"> {
  readonly target: Target;
  readonly normalize: boolean;
}

const classifier = "NearestCentroid";

/** A classifier as the objects of an HDF5 file: `/centroids`, `/deviations` and `/label_names`, and facts in the root. */
export function encodeCentroids({ target, normalize, means, deviations }: CentroidParts): readonly HDF5Item[] {
  const { classLabels, inputShape } = target;
  const facts = toAttributes({
    [classifierAttribute]: classifier,
    normalize: Number(normalize),
    input_shape: inputShape,
    checksum: checksumOf(means, deviations),
  });
  return [
    { path: "/", attributes: facts },
    { path: "/centroids", data: { dtype: "float64", shape: [classLabels.length, deviations.length], data: means } },
    { path: "/deviations", data: { dtype: "float64", shape: [deviations.length], data: deviations } },
    labelNames(classLabels),
  ];
}

/**
 * Reads a classifier.
 *
 * @param name how messages call the file
 * @throws InvalidModelError if the file holds another, or what is in it cannot be
 */
export async function decodeCentroids(file: HDF5File, name: string): Promise<CentroidParts> {
  const facts = await readFactsOf(file);
  checkClassifier(name, facts, classifier);
  const [normalize, inputShape] = [facts.get("normalize"), facts.get("input_shape")];
  const shapes: readonly unknown[] = Array.isArray(inputShape) ? inputShape : [];
  if (shapes.length === 0 || !shapes.every((axis) => Number.isSafeInteger(axis) && (axis as number) > 0)) {
    throw invalidClassifier(name, `its \`input_shape\` is ${String(inputShape)}`);
  }
  if (normalize !== 0 && normalize !== 1) throw invalidClassifier(name, `its \`normalize\` is ${String(normalize)}`);
  const width = sizeOf(shapes as readonly number[]);
  const labels = await file.stat("/label_names");
  if (labels?.kind !== "dataset" || labels.dtype !== "string") throw invalidClassifier(name, "it has no class labels");
  const classLabels = await file.readStrings("/label_names");
  try {
    checkClassLabels(classLabels, "classification");
  } catch (cause) {
    throw isCnnTransferError(cause, "InvalidArgumentError")
      ? invalidClassifier(name, "its class labels cannot be")
      : cause;
  }
  const read = async (path: string, shape: readonly number[]): Promise<Float64Array> => {
    const entry = await file.stat(path);
    if (entry?.kind !== "dataset" || entry.dtype !== "float64" || entry.shape.join() !== shape.join()) {
      throw invalidClassifier(name, `\`${path}\` is no float64 [${shape.join(", ")}]`);
    }
    const { data } = (await file.read(path)) as NdArray<"float64">;
    if (!data.every(Number.isFinite)) throw invalidClassifier(name, `\`${path}\` has numbers that are not finite`);
    return data;
  };
  const means = await read("/centroids", [classLabels.length, width]);
  const deviations = await read("/deviations", [width]);
  if (checksumOf(means, deviations) !== facts.get("checksum")) {
    throw invalidClassifier(name, "its numbers are not those that were written");
  }
  return {
    target: { inputShape: shapes as readonly number[], classLabels },
    normalize: normalize === 1,
    means,
    deviations,
  };
}

function checksumOf(...arrays: readonly Float64Array[]): number {
  return arrays.reduce(
    (sum, { buffer, byteOffset, byteLength }) => crc32(new Uint8Array(buffer, byteOffset, byteLength), sum),
    0,
  );
}

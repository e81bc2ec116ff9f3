import { crc32 } from "../checksum/crc32.node.js";
import { InvalidArgumentError } from "../errors.js";
import { type ImageSelection, imageSelection } from "../images/image-selection.js";
import { namesChecksum } from "../images/names-checksum.js";
import { describeValue } from "../options/check-option.js";
import { checkShard, type Shard, shardRange } from "./shard.js";
import { encodeShardFacts } from "./shard-facts.js";

/** The pictures of one shard: a source like any other. */
export interface ImageShard extends ImageSelection {
  /** Which part of the job this is. */
  readonly shard: Shard;
  /**
   * What {@link mergeShards} checks, to be stored beside the rows: as `shard` the index, the count, and number and
   * checksums of all pictures of the job, those of other shards included.
   */
  readonly attributes: { readonly shard: string };
  /** The pictures of all shards. */
  readonly job: ImageSelection;
}

/**
 * The pictures that one of several processes takes: a range of neighbours in the source's order. The ranges of all shards
 * make up the whole, and each process finds its own without asking the others, as long as all list the same pictures.
 *
 * Store `attributes` beside the rows. {@link mergeShards} joins the files and checks by them that none is missing, doubled
 * or of another job. A shard has no pictures where there are more shards than pictures; its file then has no rows.
 *
 * @throws InvalidArgumentError if the shard does not exist, or the source is a shard itself
 *
 * @example
 * const shard = shardFromEnvironment(process.env) ?? { index: 0, count: 1 };
 * const images = shardOf(await imageFolder("animals/"), shard);
 * await using writer = await HDF5DatasetWriter.create(shardPath("animals.hdf5", shard), {
 *   rows: images.length, rowShape: extractor.featureShape, classLabels: images.classLabels,
 *   attributes: { ...extractor.attributes, ...images.attributes }, resume: true,
 * });
 * await extractor.extractTo(writer, images, { resume: true });
 * await writer.close();
 */
export function shardOf(source: ImageSelection, shard: Shard): ImageShard {
  if (!Array.isArray(source?.images)) {
    throw new InvalidArgumentError(
      `\`source\` is ${describeValue(source)}: expected listed pictures, such as imageFolder or imageList gives.`,
    );
  }
  checkShard(shard);
  if (source.attributes?.shard !== undefined) {
    throw new InvalidArgumentError(
      `Cannot take a shard of a shard: the source is ${source.attributes.shard} already. Pass all images of the job, and a larger \`count\`.`,
    );
  }
  const { images, labels } = source;
  const { start, end } = shardRange(shard, images.length);
  const { index, count } = shard;
  return {
    ...imageSelection(images.slice(start, end), source.classLabels),
    shard: { index, count },
    job: source,
    attributes: {
      shard: encodeShardFacts({
        index,
        count,
        images: images.length,
        namesChecksum: namesChecksum(images.map(({ name }) => name)),
        labelsChecksum: crc32(new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength)),
      }),
    },
  };
}

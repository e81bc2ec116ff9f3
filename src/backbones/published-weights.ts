import type { TopologyOptions, WeightsFile } from "./backbone.js";

/** Where Keras publishes the weights of `keras.applications`. */
export const kerasApplicationsUrl = "https://storage.googleapis.com/tensorflow/keras-applications/";

/** Hash of a weights file as Keras gives it, and its size where known. */
export interface Published {
  /** md5 (32 hex digits) or sha256 (64). */
  readonly hash: string;
  readonly bytes?: number;
}

/** A network's two weights files. */
export interface PublishedPair {
  readonly top: Published;
  readonly noTop: Published;
}

/** A weights file with the hash that Keras publishes. */
export function publishedFile(url: string, fileName: string, { hash, bytes }: Published): WeightsFile {
  return {
    url,
    fileName,
    hash: { algorithm: hash.length === 32 ? "md5" : "sha256", hex: hash },
    ...(bytes === undefined ? {} : { bytes }),
  };
}

/**
 * The choice between a network's two weights files, under the names that most of them have. Keras takes the one with top
 * for images of the size that the network was trained with only.
 *
 * @param folder part of the URL below {@link kerasApplicationsUrl}
 * @param stem what file names begin with
 * @param size height and width that the network was trained with
 */
export function publishedPair(
  { folder, stem, size }: { readonly folder: string; readonly stem: string; readonly size: number },
  pair: PublishedPair,
): (options: TopologyOptions) => WeightsFile | undefined {
  return ({ includeTop, imageSize }) => {
    if (includeTop && !isSquareOf(size, imageSize)) return undefined;
    const fileName = `${stem}_weights_tf_dim_ordering_tf_kernels${includeTop ? "" : "_notop"}.h5`;
    const url = `${kerasApplicationsUrl}${folder}/${fileName}`;
    return publishedFile(url, fileName, includeTop ? pair.top : pair.noTop);
  };
}

/** Whether an image size is that of a square of this height and width. */
export function isSquareOf(size: number, [height, width]: TopologyOptions["imageSize"]): boolean {
  return height === size && width === size;
}

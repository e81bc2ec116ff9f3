import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { access, open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AbortOptions } from "../backends/backend.js";
import { FileAccessError, WeightsDownloadError } from "../errors.js";
import type { HDF5Source } from "../hdf5/engine.js";
import type { WeightsFile } from "./backbone.js";
import { fetchInto, isDiskError } from "./download.node.js";
import { type DownloadProgress, ProgressFailure, throttleProgress } from "./download-progress.js";
import { kerasModelsFolder } from "./keras-models-folder.node.js";
import { takePartialDownload } from "./partial-download.node.js";
import { downloadError, type WeightsDownload } from "./weights-download.js";

/** Where weights are kept, and how a download behaves. */
export interface WeightsCacheOptions extends AbortOptions {
  /** Default: the folder that Keras uses, `$KERAS_HOME/models` or `~/.keras/models`. */
  readonly cacheDirectory?: string | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** A connection that brings nothing for so long is given up. Default 60,000. */
  readonly idleMilliseconds?: number | undefined;
}

const hdf5Signature = "\x89HDF\r\n\x1a\n";

/**
 * A published weights file: the one inside the package, else the one in the cache, else it is downloaded, verified and put
 * there. An interrupted download is continued by the next call. The finished file appears under its name in one step;
 * several processes may do this at once.
 *
 * @returns the path of the file, in the package or in the cache
 * @throws WeightsDownloadError if the file in the cache has a wrong hash, or it cannot be downloaded, verified or stored;
 *   what `onProgress` throws comes through as it is
 * @throws FileAccessError if the file inside the package is not there
 */
export async function obtainWeights(file: WeightsFile, options: WeightsCacheOptions): Promise<HDF5Source> {
  const cachePath = join(options.cacheDirectory ?? kerasModelsFolder(), file.fileName);
  const download: WeightsDownload = { file, cachePath };
  const { signal } = options;
  signal?.throwIfAborted();
  if (!isDownloadUrl(file.url)) return await packagedWeights(file);
  try {
    if (await isCached(download, signal)) return cachePath;
    await downloadToCache(download, options);
    return cachePath;
  } catch (cause) {
    if (cause instanceof ProgressFailure) throw cause.cause;
    signal?.throwIfAborted();
    if (cause instanceof WeightsDownloadError || !isDiskError(cause)) throw cause;
    const full = cause.code === "ENOSPC" || cause.code === "EDQUOT";
    throw downloadError(
      download,
      "disk",
      full
        ? `the disk is full (${cause.code}). Make room and try again: it will go on where it stopped. Or give another \`cacheDirectory\`.`
        : `the file system refuses (${cause.message}). Make that folder writable, or give another \`cacheDirectory\`.`,
      cause,
    );
  }
}

/** Path of a file that lies beside the code. @throws FileAccessError if whoever moved the code has left it behind */
async function packagedWeights({ url, fileName }: WeightsFile): Promise<string> {
  const path = fileURLToPath(url);
  try {
    await access(path, constants.R_OK);
  } catch (cause) {
    throw new FileAccessError(
      `The weights file "${fileName}", which comes with cnn-transfer, is not at "${path}" or cannot be read. If the app was bundled, have the bundler leave cnn-transfer out of the bundle, or pass the path of a copy of node_modules/cnn-transfer/assets/${fileName} as \`weights\`.`,
      { path, reason: (cause as NodeJS.ErrnoException).code === "ENOENT" ? "missing" : "not-permitted" },
      { cause },
    );
  }
  return path;
}

/** Whether a string names a place to download from; else it is a path. */
export function isDownloadUrl(weights: string): boolean {
  return /^https?:\/\//i.test(weights);
}

/** What an engine opens for a weights file of the user's own: a path, or a `file:` URL. */
export function localWeights(weights: string): HDF5Source {
  return /^file:\/\//i.test(weights) ? fileURLToPath(weights) : weights;
}

/** Whether a right file is in the cache. */
async function isCached(download: WeightsDownload, signal: AbortSignal | undefined): Promise<boolean> {
  const { file, cachePath } = download;
  const found = await stat(cachePath).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined) return false;
  if (file.hash === undefined) return true;
  const hex = await hashOf(cachePath, file.hash.algorithm, signal);
  if (hex === file.hash.hex) return true;
  const size =
    file.bytes !== undefined && found.size !== file.bytes ? ` It has ${found.size} bytes, not ${file.bytes}.` : "";
  throw new WeightsDownloadError(
    `The weights file "${cachePath}" is not the one that is published at ${file.url}: expected the ${file.hash.algorithm} ${file.hash.hex}, got ${hex}.${size} It is damaged or another file. Delete it, so that it is downloaded again, or put the right file there; to use it all the same, pass its path as \`weights\`.`,
    { url: file.url, cachePath, reason: "hash" },
  );
}

async function downloadToCache(download: WeightsDownload, options: WeightsCacheOptions): Promise<void> {
  const { cachePath } = download;
  const { signal, idleMilliseconds = 60_000 } = options;
  const partial = await takePartialDownload(cachePath);
  try {
    await fetchInto(partial, download, { signal, idleMilliseconds, onProgress: throttleProgress(options.onProgress) });
  } catch (error) {
    // What went wrong is more worth knowing than that the bytes cannot be put down.
    await partial.release().catch(() => undefined);
    throw error;
  }
  try {
    await verify(partial.dataPath, download, signal);
  } catch (error) {
    // Bytes that are wrong must not be continued.
    const wrong = error instanceof WeightsDownloadError;
    await (wrong ? partial.remove() : partial.release()).catch(() => undefined);
    throw error;
  }
  try {
    await rename(partial.dataPath, cachePath);
  } catch (error) {
    // Windows does not replace a file that another process, which was faster, has open. Its file does as well.
    if (!(await isCached(download, signal))) throw error;
  }
  await partial.remove();
}

async function verify(path: string, download: WeightsDownload, signal: AbortSignal | undefined): Promise<void> {
  const { hash, bytes } = download.file;
  const { size } = await stat(path);
  if (bytes !== undefined && size !== bytes) {
    throw downloadError(download, "size", `${size} bytes came, the published file has ${bytes}.`);
  }
  if (hash !== undefined) {
    const hex = await hashOf(path, hash.algorithm, signal);
    if (hex === hash.hex) return;
    throw downloadError(
      download,
      "hash",
      `the published ${hash.algorithm} is ${hash.hex}, that of the ${size} bytes which came is ${hex}. They were thrown away. A proxy or a login page may be in the way.`,
    );
  }
  if (await startsAsHDF5(path)) return;
  throw downloadError(
    download,
    "hash",
    `the ${size} bytes which came are not an HDF5 file. They were thrown away. A proxy or a login page may be in the way.`,
  );
}

async function hashOf(path: string, algorithm: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    hash.update(chunk as Uint8Array);
  }
  return hash.digest("hex");
}

async function startsAsHDF5(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const start = new Uint8Array(hdf5Signature.length);
    const { bytesRead } = await file.read(start, 0, start.length, 0);
    return bytesRead === start.length && String.fromCharCode(...start) === hdf5Signature;
  } finally {
    await file.close();
  }
}

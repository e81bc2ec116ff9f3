import type { AbortOptions } from "../backends/backend.js";
import { UnsupportedError } from "../errors.js";
import type { HDF5Source } from "../hdf5/engine.js";
import type { WeightsFile } from "./backbone.js";
import { type DownloadProgress, ProgressFailure, throttleProgress } from "./download-progress.js";
import { md5 } from "./md5.js";
import { downloadError, type WeightsDownload } from "./weights-download.js";

/** How a download behaves. A browser keeps files in its own cache, so there is no folder to choose. */
export interface WeightsCacheOptions extends AbortOptions {
  /** Not for a browser: giving it is an error. */
  readonly cacheDirectory?: string | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Not used in a browser, which has its own limits. */
  readonly idleMilliseconds?: number | undefined;
}

/**
 * Fetches a weights file, verifies it and gives its bytes. The browser's HTTP cache keeps it as the server allows.
 *
 * @throws WeightsDownloadError if it cannot be fetched, or its length or hash is wrong
 * @throws UnsupportedError if `cacheDirectory` is given
 */
export async function obtainWeights(file: WeightsFile, options: WeightsCacheOptions): Promise<HDF5Source> {
  const { signal, cacheDirectory } = options;
  if (cacheDirectory !== undefined) {
    throw new UnsupportedError(
      `\`cacheDirectory\` is "${cacheDirectory}", but a browser has no folders. Leave it out: the browser's own cache is used.`,
    );
  }
  const download: WeightsDownload = { file, cachePath: "the browser's cache" };
  const bytes = await fetchBytes(download, options);
  const hex = file.hash && (file.hash.algorithm === "md5" ? md5(bytes) : await sha256(bytes));
  signal?.throwIfAborted();
  // Development servers answer with the app's own page, and no error, where a file is missing.
  if (hex === undefined && !startsAsHDF5(bytes)) {
    throw downloadError(
      download,
      "hash",
      `the ${bytes.length} bytes which came are not an HDF5 file. Does the server, or the bundler, have the file there?`,
    );
  }
  if (hex === file.hash?.hex) return bytes;
  throw downloadError(
    download,
    "hash",
    `the published ${file.hash?.algorithm} is ${file.hash?.hex}, that of the ${bytes.length} bytes which came is ${hex}.`,
  );
}

/** Whether a string names a place to download from: in a browser every place does, relative ones as well. */
export function isDownloadUrl(_weights: string): boolean {
  return true;
}

/** There are no local files by path in a browser. @throws UnsupportedError always */
export function localWeights(weights: string): HDF5Source {
  throw new UnsupportedError(`A browser cannot open "${weights}" by its path. Pass a URL as \`weights\`.`);
}

async function fetchBytes(
  download: WeightsDownload,
  { signal, onProgress }: WeightsCacheOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { url, fileName, bytes: published } = download.file;
  const report = throttleProgress(onProgress);
  try {
    const response = await fetch(url, signal === undefined ? {} : { signal });
    if (!response.ok) {
      throw downloadError(download, "http-status", `the server answered ${response.status} ${response.statusText}.`);
    }
    const length = response.headers.get("content-encoding") === null ? response.headers.get("content-length") : null;
    const totalBytes = length === null ? published : Number(length);
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let receivedBytes = 0;
    const reader = response.body?.getReader();
    for (let next = await reader?.read(); next !== undefined && !next.done; next = await reader?.read()) {
      chunks.push(next.value);
      receivedBytes += next.value.length;
      report({ fileName, url, receivedBytes, totalBytes });
    }
    report({ fileName, url, receivedBytes, totalBytes }, true);
    if (totalBytes !== undefined && receivedBytes !== totalBytes) {
      throw downloadError(download, "size", `${receivedBytes} of ${totalBytes} bytes came.`);
    }
    return new Uint8Array(await new Blob(chunks).arrayBuffer());
  } catch (cause) {
    if (cause instanceof ProgressFailure) throw cause.cause;
    signal?.throwIfAborted();
    if (!(cause instanceof TypeError)) throw cause;
    throw downloadError(
      download,
      "network",
      `the connection failed (${cause.message}). The server must also allow this page's origin (CORS).`,
      cause,
    );
  }
}

const hdf5Signature = "\x89HDF\r\n\x1a\n";

function startsAsHDF5(bytes: Uint8Array): boolean {
  return String.fromCharCode(...bytes.subarray(0, hdf5Signature.length)) === hdf5Signature;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

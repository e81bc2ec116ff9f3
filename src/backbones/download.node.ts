import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { WeightsDownloadError } from "../errors.js";
import { type ContentRange, parseContentRange } from "./content-range.js";
import { type DownloadProgress, ProgressFailure } from "./download-progress.js";
import { type IdleSignal, idleSignal } from "./idle-signal.js";
import type { DownloadOrigin, PartialDownload } from "./partial-download.node.js";
import { downloadError, type WeightsDownload } from "./weights-download.js";

/** How one file is fetched. */
export interface FetchOptions {
  readonly onProgress: (progress: DownloadProgress, last?: boolean) => void;
  readonly signal?: AbortSignal | undefined;
  /** A connection that brings nothing for so long is given up. */
  readonly idleMilliseconds: number;
}

/** A body that breaks is continued at once, but not for ever. */
const mostConnections = 8;

/** Part of the file that a response brings: from where on, and how long the whole file is. */
interface Delivery {
  readonly start: number;
  readonly end: number | undefined;
  readonly totalBytes: number | undefined;
}

/**
 * Fetches a file into a partial download until it is whole, going on where an earlier one broke off if the server can
 * show (`If-Range`, `ETag`, `Content-Range`) that the file is still the same; else from its first byte. The hash is not
 * looked at.
 *
 * @throws WeightsDownloadError if the server or the disk refuses, the connection brings nothing new, or the length is wrong
 */
export async function fetchInto(
  partial: PartialDownload,
  download: WeightsDownload,
  options: FetchOptions,
): Promise<void> {
  let broken: unknown;
  for (let connection = 1; connection <= mostConnections; connection++) {
    const before = await partial.size();
    const outcome = await fetchOnce(partial, download, options);
    if (outcome.whole) return;
    broken = outcome.cause;
    const now = await partial.size();
    // Nothing new came: trying at once again would bring nothing either. A discarded beginning is no such failure.
    if (now === before && !outcome.discarded) break;
  }
  const size = await partial.size();
  if (size === 0) throw downloadError(download, "network", `nothing came (${describe(broken)}).`, broken);
  const origin = await partial.readOrigin();
  throw downloadError(
    download,
    "network",
    `the connection broke after ${size} of ${origin?.totalBytes ?? "an unknown number of"} bytes (${describe(broken)}). Try again: it will go on where it stopped.`,
    broken,
  );
}

type Outcome =
  | { readonly whole: true }
  | { readonly whole: false; readonly discarded: boolean; readonly cause: unknown };

async function fetchOnce(partial: PartialDownload, download: WeightsDownload, options: FetchOptions): Promise<Outcome> {
  const { url } = download.file;
  const origin = await partial.readOrigin();
  let size = await partial.size();
  if (size > 0 && (origin === undefined || origin.url !== url || origin.validator === undefined)) size = 0;
  if (size > 0 && size === origin?.totalBytes) return { whole: true };

  const idle = idleSignal(options);
  try {
    const response = await request(download, size, origin, idle.signal);
    idle.touch();
    const delivery = await acceptResponse(response, download, size, origin);
    if (delivery === "discard") {
      await response.body?.cancel();
      await discard(partial, url);
      return { whole: false, discarded: true, cause: new Error("the server answers for another range or file") };
    }
    const { totalBytes } = delivery;
    await partial.writeOrigin({ url, validator: validatorOf(response), totalBytes });
    return await receive(partial, download, response, delivery, idle, options);
  } catch (cause) {
    options.signal?.throwIfAborted();
    if (cause instanceof ProgressFailure || cause instanceof WeightsDownloadError || isDiskError(cause)) throw cause;
    return { whole: false, discarded: false, cause: idle.expired() ?? cause };
  } finally {
    idle.stop();
  }
}

async function request(
  download: WeightsDownload,
  size: number,
  origin: DownloadOrigin | undefined,
  signal: AbortSignal,
): Promise<Response> {
  // Compressed bodies have no ranges that could be continued, and weights do not compress.
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (size > 0 && origin?.validator !== undefined) {
    headers.range = `bytes=${size}-`;
    headers["if-range"] = origin.validator;
  }
  return await fetch(download.file.url, { headers, signal });
}

async function acceptResponse(
  response: Response,
  download: WeightsDownload,
  size: number,
  origin: DownloadOrigin | undefined,
): Promise<Delivery | "discard"> {
  const { status } = response;
  if (status === 206 && size > 0) {
    const range = parseContentRange(response.headers.get("content-range"));
    return range !== undefined && continues(range, response, size, origin)
      ? { start: size, end: range.end, totalBytes: range.total }
      : "discard";
  }
  // The file is shorter than what is there: it is another one by now.
  if (status === 416 && size > 0) return "discard";
  if (status !== 200) {
    await response.body?.cancel();
    throw downloadError(
      download,
      "http-status",
      `the server answered ${status} ${response.statusText}`.trimEnd() +
        (status === 404 ? ": there is no such file. Check the URL." : "."),
    );
  }
  const length = response.headers.get("content-length");
  // With a content encoding the length counts compressed bytes, which are not what is stored.
  const plain = response.headers.get("content-encoding") === null;
  const totalBytes = plain && length !== null && /^\d+$/.test(length) ? Number(length) : undefined;
  const published = download.file.bytes;
  if (totalBytes !== undefined && published !== undefined && totalBytes !== published) {
    await response.body?.cancel();
    throw downloadError(
      download,
      "size",
      `the server offers ${totalBytes} bytes, the published file has ${published}: it is not that file. A proxy or a login page may be in the way.`,
    );
  }
  return { start: 0, end: undefined, totalBytes };
}

function continues(range: ContentRange, response: Response, size: number, origin: DownloadOrigin | undefined): boolean {
  const validator = validatorOf(response);
  return (
    range.start === size &&
    (origin?.totalBytes === undefined || range.total === origin.totalBytes) &&
    (validator === undefined || validator === origin?.validator)
  );
}

async function receive(
  partial: PartialDownload,
  download: WeightsDownload,
  response: Response,
  { start, end, totalBytes }: Delivery,
  idle: IdleSignal,
  { onProgress, signal }: FetchOptions,
): Promise<Outcome> {
  const { url, fileName, bytes: published } = download.file;
  const limit = end === undefined ? (totalBytes ?? published) : end + 1;
  const report = (receivedBytes: number, last = false) =>
    onProgress({ fileName, url, receivedBytes, totalBytes: totalBytes ?? published }, last);
  const file = await openData(partial, start);
  let position = start;
  try {
    report(position, true);
    for await (const chunk of response.body ?? []) {
      signal?.throwIfAborted();
      idle.touch();
      if (limit !== undefined && position + chunk.length > limit) {
        await discard(partial, url);
        throw downloadError(download, "size", `more than the expected ${limit} bytes came.`);
      }
      await writeAll(file, chunk, position);
      position += chunk.length;
      report(position);
    }
    // Before the file is renamed into place it must be on the disk, not only in the system's cache.
    await file.sync();
  } finally {
    await file.close();
  }
  if (limit !== undefined && position < limit) {
    return { whole: false, discarded: false, cause: new Error(`the body ended after ${position} of ${limit} bytes`) };
  }
  if (totalBytes !== undefined && position < totalBytes) {
    return { whole: false, discarded: false, cause: new Error(`the server gave ${position} of ${totalBytes} bytes`) };
  }
  report(position, true);
  return { whole: true };
}

/** Opens the data file for writing, with no more than its first `size` bytes. */
async function openData(partial: PartialDownload, size: number): Promise<FileHandle> {
  const there = await partial.size();
  const file = await open(partial.dataPath, constants.O_RDWR | constants.O_CREAT);
  try {
    if (there > size) await file.truncate(size);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Empties a partial download whose bytes are of no use. */
async function discard(partial: PartialDownload, url: string): Promise<void> {
  const file = await openData(partial, 0);
  await file.close();
  await partial.writeOrigin({ url, validator: undefined, totalBytes: undefined });
}

async function writeAll(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < chunk.length) {
    const { bytesWritten } = await file.write(chunk, written, chunk.length - written, position + written);
    written += bytesWritten;
  }
}

/** What names this version of the file: a strong ETag, else its date. A weak ETag does not promise equal bytes. */
function validatorOf(response: Response): string | undefined {
  // It would name the encoded bytes, which are not the ones that are stored.
  if (response.headers.get("content-encoding") !== null) return undefined;
  const tag = response.headers.get("etag");
  if (tag !== null && !tag.startsWith("W/")) return tag;
  return response.headers.get("last-modified") ?? undefined;
}

/** Whether an error came from the file system: those carry the system call that failed, with no address. */
export function isDiskError(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return false;
  return /^(open|read|write|fsync|ftruncate|close|rename|mkdir|scandir|stat|lstat|rm|rmdir|unlink|access)$/.test(
    String(error.syscall),
  );
}

/** An error and what led to it, in a few words: fetch hides the reason in `cause`. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause === undefined) return error.message;
  const code = cause instanceof Error && "code" in cause ? `${String(cause.code)} ` : "";
  return `${error.message}: ${code}${describe(cause)}`;
}

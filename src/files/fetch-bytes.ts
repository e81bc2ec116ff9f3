import { type DownloadProgress, ProgressFailure, throttleProgress } from "../backbones/download-progress.js";
import { idleSignal } from "../backbones/idle-signal.js";
import type { AbortOptions } from "../backends/backend.js";
import { WeightsDownloadError } from "../errors.js";

/** How {@link fetchBytes} downloads. */
export interface FetchBytesOptions extends AbortOptions {
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

/** A connection that brings nothing for so long is given up. */
const idleMilliseconds = 60_000;

/**
 * Downloads a file into memory. Nothing is kept on the disk, and nothing is asked of a cache but the browser's own.
 *
 * @throws WeightsDownloadError if it cannot be downloaded whole
 */
export async function fetchBytes(url: string, options: FetchBytesOptions = {}): Promise<Uint8Array> {
  const { signal, onProgress } = options;
  const report = throttleProgress(onProgress);
  const fileName =
    url
      .replace(/[?#].*$/, "")
      .split("/")
      .at(-1) || url;
  const failure = (reason: WeightsDownloadError["reason"], fault: string, cause?: unknown): WeightsDownloadError =>
    new WeightsDownloadError(
      `Cannot download ${url}: ${fault} To go on offline, get the file by other means and give its path or bytes.`,
      { url, cachePath: undefined, reason },
      { cause },
    );
  signal?.throwIfAborted();
  const idle = idleSignal({ idleMilliseconds, signal });
  try {
    const response = await fetch(url, { signal: idle.signal });
    idle.touch();
    if (!response.ok) {
      await response.body?.cancel();
      throw failure(
        "http-status",
        `the server answered ${response.status} ${response.statusText}`.trimEnd().concat("."),
      );
    }
    // With a content encoding the length counts compressed bytes.
    const length = response.headers.get("content-encoding") === null ? response.headers.get("content-length") : null;
    const totalBytes = length !== null && /^\d+$/.test(length) ? Number(length) : undefined;
    const chunks: Uint8Array[] = [];
    let receivedBytes = 0;
    const reader = response.body?.getReader();
    for (let next = await reader?.read(); next !== undefined && !next.done; next = await reader?.read()) {
      idle.touch();
      chunks.push(next.value);
      receivedBytes += next.value.length;
      report({ fileName, url, receivedBytes, totalBytes });
    }
    report({ fileName, url, receivedBytes, totalBytes }, true);
    if (totalBytes !== undefined && receivedBytes !== totalBytes) {
      throw failure("size", `${receivedBytes} of ${totalBytes} bytes came.`);
    }
    return joined(chunks, receivedBytes);
  } catch (cause) {
    if (cause instanceof ProgressFailure) throw cause.cause;
    if (cause instanceof WeightsDownloadError) throw cause;
    signal?.throwIfAborted();
    const reason = idle.expired() ?? cause;
    throw failure(
      "network",
      `the connection failed (${reason instanceof Error ? reason.message : String(reason)}).`,
      cause,
    );
  } finally {
    idle.stop();
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = chunks;
  if (chunks.length === 1 && only !== undefined) return only;
  const bytes = new Uint8Array(length);
  let position = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, position);
    position += chunk.length;
  }
  return bytes;
}

import { read as readInThread, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { ClosedError } from "../../errors.js";
import { fileAccessError } from "../../files/file-access.node.js";
import { checkSource } from "../check-source.js";
import type { HDF5Source } from "../engine.js";
import { type ByteRequest, type ByteSource, concurrentReads, settleAll } from "./byte-source.js";
import { blobSource, endedEarly, memorySource } from "./memory-source.js";

/** A read of one megabyte from the cache takes a tenth of this. */
const slowMilliseconds = 1;
const greatestBytesInPlace = 1024 * 1024;
/** Copying so much out of the cache takes as long as handing it to a thread, which then does it beside us. */
const leastBytesShared = 64 * 1024;
/** Fewer large reads than these are done before a thread has begun. */
const leastRequestsShared = 4;
/** Of eight large reads, those for threads: handing one over takes a part of the time that it saves. */
const eighthsAside = availableParallelism() > 1 ? 5 : 0;
/** A system reads no more than 2 GB at once. */
const greatestBytesAtOnce = 1024 * 1024 * 1024;
/** How long reads may keep everything else waiting. */
const breakMilliseconds = 4;

/**
 * Opens a file, `Blob` or bytes for reads at any position.
 *
 * @throws FileAccessError if the file cannot be opened
 */
export async function openSource(source: HDF5Source): Promise<ByteSource> {
  checkSource(source);
  if (typeof source === "string") return openFile(source);
  if (source instanceof Blob) return blobSource(source, "name" in source ? String(source.name) : "HDF5 bytes");
  return memorySource(source instanceof Uint8Array ? source : new Uint8Array(source), "HDF5 bytes");
}

async function openFile(path: string): Promise<ByteSource> {
  let handle: FileHandle;
  let size: number;
  try {
    handle = await open(path, "r");
  } catch (cause) {
    throw fileAccessError("open", path, cause);
  }
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw Object.assign(new Error("it is not a regular file"), { code: "EISDIR" });
    size = status.size;
  } catch (cause) {
    await handle.close();
    throw fileAccessError("open", path, cause);
  }
  let closed = false;
  let lastBreak = performance.now();
  /** Reads of threads that are under way; the file must not be closed under them. */
  let reading = 0;
  let afterReading: (() => void) | undefined;

  /**
   * Reads through threads, several at a time. With callbacks: for rows, a promise for each takes as long as the row.
   * When it ends, in whatever way, nothing writes into `target` any more.
   */
  async function readAside(target: Uint8Array, requests: readonly ByteRequest[]): Promise<void> {
    if (requests.length === 0) return;
    checkOpen();
    reading++;
    let failure: unknown;
    await new Promise<void>((resolve) => {
      let next = 0;
      let busy = Math.min(concurrentReads, requests.length);
      const readOn = (request: ByteRequest, done: number): void => {
        const { position, offset, length } = request;
        const rest = Math.min(length - done, greatestBytesAtOnce);
        try {
          readInThread(handle.fd, target, offset + done, rest, position + done, (cause, count) => {
            if (cause) failure ??= fileAccessError("read", path, cause);
            else if (count === 0 && rest > 0) failure ??= endedEarly(path, position, length, position + done);
            if (failure === undefined && done + count < length) readOn(request, done + count);
            else takeNext();
          });
        } catch (cause) {
          // Nothing has begun, so nothing will call back: a position beyond all files, or memory given away meanwhile.
          failure ??= fileAccessError("read", path, cause);
          takeNext();
        }
      };
      const takeNext = (): void => {
        const request = failure === undefined ? requests[next++] : undefined;
        if (request) readOn(request, 0);
        else if (--busy === 0) resolve();
      };
      for (let i = busy; i > 0; i--) takeNext();
    });
    if (--reading === 0) afterReading?.();
    if (failure !== undefined) throw failure;
  }

  function checkOpen(): void {
    if (closed) throw new ClosedError(`"${path}" was closed while it was read.`);
  }

  /** Waits in place. */
  function readNow(target: Uint8Array, { position, offset, length }: ByteRequest): void {
    let done = 0;
    while (done < length) {
      let count: number;
      try {
        count = readSync(handle.fd, target, offset + done, length - done, position + done);
      } catch (cause) {
        throw fileAccessError("read", path, cause);
      }
      if (count === 0) throw endedEarly(path, position, length, position + done);
      done += count;
    }
  }

  /**
   * What is in the system's cache comes many times faster by waiting in place than through threads. So that is tried
   * first, until a read is slow because it goes to the disk: the others then go through threads, side by side.
   * Large reads from the cache are mostly copying: some of them go to threads from the start, and are copied at the
   * same time.
   */
  async function readMany(target: Uint8Array, requests: readonly ByteRequest[]): Promise<void> {
    const { inPlace, aside } = share(requests);
    if (aside.length === 0) return readInPlace(target, inPlace);
    const readingAside = readAside(target, aside);
    await settleAll([readingAside, readInPlace(target, inPlace)]);
  }

  async function readInPlace(target: Uint8Array, requests: readonly ByteRequest[]): Promise<void> {
    let now = performance.now();
    for (const [i, request] of requests.entries()) {
      // Across calls: many short ones in a row would otherwise never let anything else run.
      if (now - lastBreak > breakMilliseconds) {
        await setImmediate();
        lastBreak = performance.now();
        now = lastBreak;
      }
      checkOpen();
      readNow(target, request);
      const start = now;
      now = performance.now();
      if (now - start > slowMilliseconds) return readAside(target, requests.slice(i + 1));
    }
  }

  return {
    name: path,
    size,
    read: (position, target) => readAside(target, [{ position, offset: 0, length: target.length }]),
    readMany,
    async close() {
      if (closed) return;
      closed = true;
      if (reading > 0) {
        await new Promise<void>((resolve) => {
          afterReading = resolve;
        });
      }
      await handle.close();
    },
  };
}

/** Which reads are done in place, and which by threads at the same time. */
function share(requests: readonly ByteRequest[]): {
  readonly inPlace: readonly ByteRequest[];
  readonly aside: readonly ByteRequest[];
} {
  if (!requests.some(({ length }) => length >= leastBytesShared)) return { inPlace: requests, aside: [] };
  const eighths = requests.length < leastRequestsShared ? 0 : eighthsAside;
  const isAside = ({ length }: ByteRequest, i: number) =>
    length > greatestBytesInPlace || (length >= leastBytesShared && i % 8 < eighths);
  return {
    aside: requests.filter(isAside),
    inPlace: requests.filter((request, i) => !isAside(request, i)),
  };
}

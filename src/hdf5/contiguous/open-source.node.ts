import { readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { ClosedError } from "../../errors.js";
import type { HDF5Source } from "../engine.js";
import { fileAccessError } from "../file-access.node.js";
import { type ByteRequest, type ByteSource, readConcurrently } from "./byte-source.js";
import { blobSource, endedEarly, memorySource } from "./memory-source.js";

/** A read of one megabyte from the cache takes a tenth of this. */
const slowMilliseconds = 1;
const greatestBytesInPlace = 1024 * 1024;
/** How long reads may keep everything else waiting. */
const breakMilliseconds = 4;

/**
 * Opens a file, `Blob` or bytes for reads at any position.
 *
 * @throws FileAccessError if the file cannot be opened
 */
export async function openSource(source: HDF5Source): Promise<ByteSource> {
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

  async function read(position: number, target: Uint8Array): Promise<void> {
    let done = 0;
    while (done < target.length) {
      let count: number;
      try {
        count = (await handle.read(target, done, target.length - done, position + done)).bytesRead;
      } catch (cause) {
        throw fileAccessError("read", path, cause);
      }
      if (count === 0) throw endedEarly(path, position, target.length, position + done);
      done += count;
    }
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
   */
  async function readMany(target: Uint8Array, requests: readonly ByteRequest[]): Promise<void> {
    let now = performance.now();
    for (const [i, request] of requests.entries()) {
      const { position, offset, length } = request;
      if (length > greatestBytesInPlace) {
        await read(position, target.subarray(offset, offset + length));
        now = performance.now();
        continue;
      }
      // Across calls: many short ones in a row would otherwise never let anything else run.
      if (now - lastBreak > breakMilliseconds) {
        await setImmediate();
        lastBreak = performance.now();
        now = lastBreak;
      }
      if (closed) throw new ClosedError(`"${path}" was closed while it was read.`);
      readNow(target, request);
      const start = now;
      now = performance.now();
      if (now - start > slowMilliseconds) return readConcurrently(target, requests.slice(i + 1), read);
    }
  }

  return {
    name: path,
    size,
    read,
    readMany,
    async close() {
      if (closed) return;
      closed = true;
      await handle.close();
    },
  };
}

import { writeSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { attempt } from "./unfinished-run.node.js";

/** Entries of the journal and marks are smaller; rows are mostly larger. */
const greatestBytesInPlace = 64 * 1024;
/** Handing a write to a thread and hearing of its end takes a tenth of this. */
const slowMilliseconds = 1;
/** Small writes that go through threads after a slow one. */
const writesAside = 100;

/** Writes all of `bytes` at a position of a file. */
export type WriteWhole = (handle: FileHandle, position: number, bytes: Uint8Array) => Promise<void>;

/**
 * Small writes only reach the system's memory, which takes much less time than a thread does to begin with them. So
 * they are done in place, until one is slow because the disk is behind: then others go through threads for a while, and
 * nothing has to wait for them.
 *
 * @param target what errors call the file
 */
export function createWriteWhole(target: string): WriteWhole {
  let aside = 0;
  return async (handle, position, bytes) => {
    const inPlace = bytes.length <= greatestBytesInPlace && aside === 0;
    if (aside > 0) aside--;
    let done = 0;
    // A full disk first shows as a short write without an error.
    while (done < bytes.length) {
      done += await attempt(target, async () => {
        const [offset, length, place] = [done, bytes.length - done, position + done];
        if (!inPlace) return (await handle.write(bytes, offset, length, place)).bytesWritten;
        const start = performance.now();
        const written = writeSync(handle.fd, bytes, offset, length, place);
        if (performance.now() - start > slowMilliseconds) aside = writesAside;
        return written;
      });
    }
  };
}

import { type FileHandle, open } from "node:fs/promises";
import type { HDF5Source } from "../engine.js";
import { fileAccessError } from "../file-access.node.js";
import type { ByteSource } from "./byte-source.js";
import { blobSource, endedEarly, memorySource } from "./memory-source.js";

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
  return {
    name: path,
    size,
    async read(position, target) {
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
    },
    async close() {
      if (closed) return;
      closed = true;
      await handle.close();
    },
  };
}

import nodeFs, {
  closeSync,
  ftruncateSync,
  linkSync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync as writeFileNow,
  writeSync,
} from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import path from "node:path";

/** One change of a folder, as it was asked of the operating system. Paths are relative to the folder. */
export type FileChange =
  | { readonly kind: "create"; readonly file: string; readonly truncate: boolean }
  | { readonly kind: "write"; readonly file: string; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly file: string; readonly size: number }
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  | { readonly kind: "link"; readonly from: string; readonly to: string }
  | { readonly kind: "remove"; readonly file: string };

/**
 * Runs `action` and returns every change that it made below `folder` through `node:fs/promises`, and through
 * `writeSync` on its handles, in order. These functions are replaced for as long as that takes, so nothing else may
 * write at the same time.
 */
export async function recordChanges(folder: string, action: () => Promise<void>): Promise<readonly FileChange[]> {
  const changes: FileChange[] = [];
  const opened = new Map<number, string>();
  const { writeSync: writeNow } = nodeFs;
  const { open, rename, link, unlink, writeFile, rm, mkdir, truncate, appendFile, copyFile } = fs;
  const local = (file: unknown) => path.relative(folder, String(file));
  const refuse = (name: string) => () => {
    throw new Error(`\`${name}\` of node:fs/promises is not recorded: teach recordChanges about it`);
  };
  const create = (file: unknown, flags: unknown) => {
    const text = String(flags ?? "r");
    if (/[wax]/u.test(text)) changes.push({ kind: "create", file: local(file), truncate: text.startsWith("w") });
  };
  nodeFs.writeSync = ((descriptor: number, bytes: Uint8Array, offset: number, length: number, position: number) => {
    const file = opened.get(descriptor);
    if (file === undefined) return writeNow(descriptor, bytes, offset, length, position);
    if (typeof position !== "number") throw new Error("only writes at a position are recorded");
    const count = writeNow(descriptor, bytes, offset, length, position);
    changes.push({ kind: "write", file, position, bytes: bytes.slice(offset, offset + count) });
    return count;
  }) as typeof writeNow;
  Object.assign(fs, {
    open: (async (file, flags, mode) => {
      const handle = await open(file, flags, mode);
      create(file, flags);
      const { fd } = handle;
      opened.set(fd, local(file));
      const close = handle.close.bind(handle);
      handle.close = () => {
        opened.delete(fd);
        return close();
      };
      return recordHandle(handle, local(file), changes);
    }) as typeof open,
    rename: (async (from, to) => {
      await rename(from, to);
      changes.push({ kind: "rename", from: local(from), to: local(to) });
    }) as typeof rename,
    link: (async (from, to) => {
      await link(from, to);
      changes.push({ kind: "link", from: local(from), to: local(to) });
    }) as typeof link,
    unlink: (async (file) => {
      await unlink(file);
      changes.push({ kind: "remove", file: local(file) });
    }) as typeof unlink,
    rm: (async (file, options) => {
      await rm(file, options);
      changes.push({ kind: "remove", file: local(file) });
    }) as typeof rm,
    writeFile: (async (file, data, options) => {
      await writeFile(file, data, options);
      const flag = typeof options === "object" && options !== null && "flag" in options ? options.flag : "w";
      create(file, flag);
      changes.push({ kind: "write", file: local(file), position: 0, bytes: Buffer.from(data as string) });
    }) as typeof writeFile,
    mkdir: refuse("mkdir"),
    truncate: refuse("truncate"),
    appendFile: refuse("appendFile"),
    copyFile: refuse("copyFile"),
  });
  syncBuiltinESMExports();
  try {
    await action();
  } finally {
    Object.assign(fs, { open, rename, link, unlink, writeFile, rm, mkdir, truncate, appendFile, copyFile });
    nodeFs.writeSync = writeNow;
    syncBuiltinESMExports();
  }
  return changes;
}

function recordHandle(handle: fs.FileHandle, file: string, changes: FileChange[]): fs.FileHandle {
  const write = handle.write.bind(handle) as (...parameters: unknown[]) => Promise<{ bytesWritten: number }>;
  const truncate = handle.truncate.bind(handle);
  Object.assign(handle, {
    async write(bytes: Uint8Array, offset: number, length: number, position: number) {
      if (typeof position !== "number") throw new Error("only writes at a position are recorded");
      const result = await write(bytes, offset, length, position);
      changes.push({
        kind: "write",
        file,
        position,
        bytes: Uint8Array.prototype.slice.call(bytes, offset, offset + result.bytesWritten),
      });
      return result;
    },
    async truncate(size = 0) {
      await truncate(size);
      changes.push({ kind: "truncate", file, size });
    },
    writeFile: () => Promise.reject(new Error("`writeFile` of a handle is not recorded")),
    appendFile: () => Promise.reject(new Error("`appendFile` of a handle is not recorded")),
    writev: () => Promise.reject(new Error("`writev` of a handle is not recorded")),
  });
  return handle;
}

/** Makes the same changes in another folder. */
export function replay(folder: string, changes: readonly FileChange[]): void {
  const at = (file: string) => path.join(folder, file);
  for (const change of changes) {
    switch (change.kind) {
      case "create":
        closeSync(openSync(at(change.file), change.truncate ? "w" : "a"));
        break;
      case "write":
        withFile(at(change.file), (file) => writeSync(file, change.bytes, 0, change.bytes.length, change.position));
        break;
      case "truncate":
        withFile(at(change.file), (file) => ftruncateSync(file, change.size));
        break;
      case "rename":
        renameSync(at(change.from), at(change.to));
        break;
      case "link":
        linkSync(at(change.from), at(change.to));
        break;
      case "remove":
        unlinkSync(at(change.file));
        break;
    }
  }
}

function withFile(file: string, action: (file: number) => void): void {
  const descriptor = openSync(file, "r+");
  try {
    action(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The first half of a write: what is left of it if the machine stops in its middle. */
export function tear(change: FileChange): FileChange | undefined {
  if (change.kind !== "write" || change.bytes.length < 2) return undefined;
  return { ...change, bytes: change.bytes.subarray(0, change.bytes.length >> 1) };
}

/** Gives the owner of a lock another process id: that of a process that has ended, as one does that was killed. */
export function changeOwner(change: FileChange, processId: number): FileChange {
  if (change.kind !== "write" || !change.file.includes(".lock")) return change;
  const text = Buffer.from(change.bytes).toString().replace(`"pid":${process.pid}`, `"pid":${processId}`);
  return { ...change, bytes: Buffer.from(text) };
}

/** Files of a folder as they were, to be put into another one before a replay. */
export function putFiles(folder: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [file, bytes] of files) writeFileNow(path.join(folder, file), bytes);
}

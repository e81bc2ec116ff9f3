import { createReadStream, createWriteStream } from "node:fs";
import { open, rename, unlink } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { attempt, type Begun, codeOf, type RunFiles } from "./unfinished-run.node.js";

/**
 * Puts copies in the place of the unfinished files of another machine's writer, which may still be at work. Whatever it
 * writes from now on, also what its machine has yet to send to a network disk, goes to files that have no name any more.
 *
 * @param begun how far the journal goes; undefined if a new file is to be begun
 * @param dataBytes of the data file, those that the journal tells of
 */
export async function takeOverRun(
  target: string,
  { partialPath, journalPath, replacementPath }: RunFiles,
  begun: Begun | undefined,
  dataBytes: number,
): Promise<void> {
  const remove = (path: string) =>
    attempt(target, () =>
      unlink(path).catch((cause: unknown) => {
        if (codeOf(cause) !== "ENOENT") throw cause;
      }),
    );
  const copyOf = (path: string) => `${path}.copy`;
  // The copies are of a run that ended while it made them.
  for (const path of [replacementPath, copyOf(journalPath), copyOf(partialPath)]) await remove(path);
  if (begun === undefined) {
    // In this order a crash leaves no data file without a journal.
    for (const path of [partialPath, journalPath]) await remove(path);
    return;
  }
  // The journal first: what it tells of was in the data file before, and the data file may hold more than it tells of.
  const sizes = [
    [journalPath, begun.end],
    ...(begun.bytes === undefined ? [] : [[partialPath, Math.min(begun.bytes, dataBytes)] as const]),
  ] as const;
  try {
    for (const [path, bytes] of sizes) await attempt(target, () => copyBeginning(path, copyOf(path), bytes));
    for (const [path] of sizes) await attempt(target, () => rename(copyOf(path), path));
  } catch (error) {
    for (const [path] of sizes) await unlink(copyOf(path)).catch(() => undefined);
    throw error;
  }
}

/** Copies the first bytes of a file to the disk. */
async function copyBeginning(from: string, to: string, bytes: number): Promise<void> {
  const source = bytes > 0 ? createReadStream(from, { end: bytes - 1, highWaterMark: 1024 * 1024 }) : [];
  await pipeline(source, createWriteStream(to));
  const handle = await open(to, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

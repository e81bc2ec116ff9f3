import { type FileHandle, open, rename, stat, statfs, unlink, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { FileAccessError, isCnnTransferError } from "../../errors.js";
import { fileAccessError } from "../../files/file-access.node.js";
import { takeLock } from "../../files/file-lock.node.js";
import { encodeJournalHead, readJournalEntries } from "./journal.js";
import { endedEarly } from "./memory-source.js";
import { openSource } from "./open-source.node.js";
import type { PartialFile, PartialFileOptions } from "./partial-file.js";
import { createSyncedFile, type SyncedFile } from "./synced-file.node.js";
import { takeOverRun } from "./take-over-run.node.js";
import { attempt, codeOf, inspectRun, type RunFiles, settleReplacement, sizeOf } from "./unfinished-run.node.js";
import { createWriteWhole } from "./write-whole.node.js";

/**
 * Opens a file for writing under a lock of its own.
 *
 * @throws FileAccessError if it exists, is a folder, is locked, or the disk has too little space
 * @throws InvalidArgumentError if it is to be resumed and was begun with another description
 */
export async function openPartialFile(target: string, options: PartialFileOptions): Promise<PartialFile> {
  const path = resolve(target);
  const partialPath = `${path}.partial`;
  const journalPath = `${path}.partial.journal`;
  const replacementPath = `${path}.partial.replacement`;
  const markPath = `${path}.partial.completing`;
  const files: RunFiles = { path, partialPath, journalPath, replacementPath, markPath };
  await checkNoFolder(path, target);
  const lock = await takeLock(`${path}.partial.lock`, target, options.takeOver);
  const writeWhole = createWriteWhole(target);
  const handles: FileHandle[] = [];
  let fresh = false;
  try {
    await settleReplacement(files, target);
    const begun = await inspectRun(target, partialPath, journalPath, options);
    if (lock.takenOver) await takeOverRun(target, files, begun, options.bytesOf(begun?.rows ?? 0));
    fresh = begun === undefined;
    // A file preallocated by an earlier run has holes; what is still to be written is not known exactly.
    if (fresh) await checkSpace(target, path, options.expectedBytes);
    // The journal first: a data file without one could be anybody's.
    const journal = await openHandle(journalPath, begun ? "r+" : "w+", target);
    handles.push(journal);
    let journalEnd: number;
    let entriesStart: number;
    if (begun) {
      entriesStart = begun.start;
      journalEnd = begun.end;
    } else {
      const head = encodeJournalHead(options.description);
      await writeWhole(journal, 0, head);
      entriesStart = head.length;
      journalEnd = head.length;
    }
    const data = await openHandle(partialPath, begun && begun.bytes !== undefined ? "r+" : "w+", target);
    handles.push(data);
    const size = (await sizeOf(partialPath)) ?? 0;
    /** Entries up to here are of rows that the disk has, or that an earlier run has left. */
    let syncedEnd = journalEnd;
    const rows = createSyncedFile(data, target, writeWhole, {
      syncing: () => journalEnd,
      synced: (end) => {
        syncedEnd = end;
      },
      refused: forgetUnsynced,
    });
    let replacement: { readonly handle: FileHandle; readonly file: SyncedFile } | undefined;

    /** Takes back the entries of rows that may never have come to the disk, so that no later run counts on them. */
    async function forgetUnsynced(): Promise<void> {
      journalEnd = syncedEnd;
      // Where the journal's disk refuses as well, there is nothing that could still be done.
      await journal.truncate(syncedEnd).catch(() => undefined);
    }

    let lost: unknown;

    async function checkOwner(): Promise<void> {
      if (lost !== undefined) throw lost;
      try {
        await lock.check();
      } catch (error) {
        if (isCnnTransferError(error, "FileAccessError") && error.reason === "locked") lost = error;
        throw error;
      }
    }

    /** Does what needs the files' names. Where it fails since another writer has them, that is what is told. */
    async function unlessLost<T>(action: () => Promise<T>): Promise<T> {
      try {
        return await action();
      } catch (error) {
        await checkOwner();
        throw error;
      }
    }

    /** Whether the folder has told the disk of the two files. */
    let named = false;

    const closeHandles = async () => {
      await rows.settle();
      await replacement?.file.settle();
      const ends = await Promise.allSettled(handles.splice(0).map((handle) => handle.close()));
      for (const end of ends) if (end.status === "rejected") throw fileAccessError("write", target, end.reason);
    };
    return {
      resumed: begun !== undefined,
      size,
      async *entries() {
        // A refusal shortens the journal.
        await rows.settle();
        rows.check();
        const source = await unlessLost(() => openSource(journalPath));
        try {
          for await (const { entry, end } of readJournalEntries(source, entriesStart)) {
            if (end > journalEnd) break;
            yield entry;
          }
        } finally {
          await source.close();
        }
      },
      async read(position, bytes) {
        for (let done = 0; done < bytes.length; ) {
          const { bytesRead } = await attempt(target, () =>
            data.read(bytes, done, bytes.length - done, position + done),
          );
          if (bytesRead === 0) throw endedEarly(partialPath, position, bytes.length, position + done);
          done += bytesRead;
        }
      },
      async write(position, bytes) {
        if (!replacement) return rows.write(position, bytes);
        await replacement.file.write(position, bytes);
        replacement.file.begin();
      },
      async replace() {
        rows.check();
        if (replacement) {
          await replacement.file.restart();
          return;
        }
        await checkOwner();
        const handle = await openHandle(replacementPath, "w+", target);
        handles.push(handle);
        replacement = {
          handle,
          // Made again from the rows, so nothing has to be taken back.
          file: createSyncedFile(handle, target, writeWhole, {
            syncing: () => undefined,
            synced: () => undefined,
            refused: async () => undefined,
          }),
        };
      },
      async describe(description) {
        const head = encodeJournalHead(description);
        // Stopped in between, it is the journal of a run without a row.
        await attempt(target, () => journal.truncate(0));
        await writeWhole(journal, 0, head);
        entriesStart = head.length;
        journalEnd = head.length;
        syncedEnd = head.length;
      },
      async append(entry) {
        rows.check();
        await writeWhole(journal, journalEnd, entry);
        try {
          // The disk may have refused the rows meanwhile.
          rows.check();
        } catch (failure) {
          await forgetUnsynced();
          throw failure;
        }
        journalEnd += entry.length;
        rows.begin();
      },
      truncate: (size) => attempt(target, () => (replacement?.handle ?? data).truncate(size)),
      async sync() {
        await rows.sync(journal);
        // A disk that has the bytes but not the names would lose both files.
        if (!named) await syncFolder(dirname(path));
        named = true;
      },
      check: () => rows.check(),
      get lost() {
        return lost !== undefined;
      },
      checkOwner,
      async complete() {
        // What bears the names is another writer's otherwise.
        await checkOwner();
        if (!options.overwrite && (await sizeOf(path)) !== undefined) {
          throw new FileAccessError(
            `Cannot complete "${target}": another file of this name has come to be meanwhile. Move it away and call \`close\` again, or resume later.`,
            { path: target, reason: "exists" },
          );
        }
        await (replacement?.file ?? rows).sync();
        await checkOwner();
        await unlessLost(() =>
          attempt(target, async () => {
            // With the mark, a replacement that is gone has become the complete file: what it replaces is done with.
            if (replacement) await writeFile(markPath, "");
            await rename(replacement ? replacementPath : partialPath, path);
          }),
        );
        // The file is complete. What cannot be tidied up now does no harm, and the next run sees to it.
        await closeHandles().catch(() => undefined);
        // Before the journal goes: a disk that kept only that would have neither name.
        await syncFolder(dirname(path)).catch(() => undefined);
        const done = replacement ? [partialPath, journalPath, markPath] : [journalPath];
        for (const leftover of done) await unlink(leftover).catch(() => undefined);
        await lock.giveBack();
      },
      async release() {
        await closeHandles().finally(lock.giveBack);
        await rows.leave();
      },
      async discard() {
        const owned = await checkOwner().then(
          () => true,
          () => !lost,
        );
        if (!owned) return closeHandles();
        try {
          // An empty journal says that there is nothing to resume, at whatever step of this one stops.
          await attempt(target, () => journal.truncate(0)).finally(closeHandles);
          for (const leftover of [markPath, replacementPath, partialPath, journalPath]) {
            await unlink(leftover).catch((cause: unknown) => {
              if (codeOf(cause) !== "ENOENT") throw fileAccessError("remove", leftover, cause);
            });
          }
        } finally {
          await lock.giveBack();
        }
      },
    };
  } catch (error) {
    const opened = handles.length > 0;
    for (const handle of handles) await handle.close();
    // What was only begun here holds no row.
    if (fresh && opened) for (const made of [partialPath, journalPath]) await unlink(made).catch(() => undefined);
    await lock.undo();
    throw error;
  }
}

/** A folder cannot be replaced by the complete file, which would show only when all rows are there. */
async function checkNoFolder(path: string, target: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) throw fileAccessError("write", target, Object.assign(new Error(), { code: "EISDIR" }));
}

async function checkSpace(target: string, path: string, bytes: number): Promise<void> {
  if (bytes <= 0) return;
  const status = await attempt(target, () => statfs(dirname(path)));
  const free = status.bavail * status.bsize;
  if (free < bytes) {
    throw new FileAccessError(
      `Cannot write "${target}": it needs ${bytes} bytes and the disk has ${free} free. Free some space or choose another disk.`,
      { path: target, reason: "disk-full" },
    );
  }
}

async function openHandle(path: string, flags: string, target: string): Promise<FileHandle> {
  return attempt(target, () => open(path, flags));
}

/** Makes the new name durable. Not every system lets a folder be synced; there the rename is as durable as it gets. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r").catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

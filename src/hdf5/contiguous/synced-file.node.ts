import type { FileHandle } from "node:fs/promises";
import { FileAccessError } from "../../errors.js";
import { fileAccessError } from "../../files/file-access.node.js";
import { attempt } from "./unfinished-run.node.js";
import type { WriteWhole } from "./write-whole.node.js";

/** What is written before the disk is told to begin: much less than a system keeps back, many times what one wait costs. */
const earlyBytes = 32 * 1024 * 1024;

/** A file whose rows go to the disk while more of them come, so that there is little to wait for in the end. */
export interface SyncedFile {
  /** Writes all of `bytes`; fails from the moment on when the disk has refused earlier ones. */
  write(position: number, bytes: Uint8Array): Promise<void>;
  /** Where much has been written, has the disk begin with it. Nobody waits for that. */
  begin(): void;
  /** Waits until the disk has what was written before, in this file and in the one that tells of it. */
  sync(journal?: FileHandle): Promise<void>;
  /** Throws if the disk has refused something: a system tells of that once, and takes the bytes for stored afterwards. */
  check(): void;
  /** Waits for what is under way; throws if the disk has refused something and nobody has heard of it. */
  leave(): Promise<void>;
  /** Forgets what was written: the file begins anew. */
  restart(): Promise<void>;
  /** Waits for what is under way, however it ends. */
  settle(): Promise<void>;
}

/**
 * @param target what errors call the file
 * @param disk hears of it: `syncing` when the disk is asked, what that returned with `synced` when it has everything
 *   written before, `refused` when it has not
 */
export function createSyncedFile<Mark>(
  handle: FileHandle,
  target: string,
  writeWhole: WriteWhole,
  disk: { syncing(): Mark; synced(mark: Mark): void; refused(): Promise<void> },
): SyncedFile {
  let unsynced = 0;
  let early: Promise<void> | undefined;
  let failure: FileAccessError | undefined;
  let told = false;

  function check(): void {
    if (!failure) return;
    told = true;
    throw failure;
  }

  /** Does not fail: a refusal is kept for the next who asks. */
  async function ask(journal?: FileHandle): Promise<void> {
    unsynced = 0;
    const mark = disk.syncing();
    try {
      await handle.datasync();
      await journal?.datasync();
    } catch (cause) {
      const { message, reason } = fileAccessError("write", target, cause);
      failure = new FileAccessError(
        `${message} Rows that had been written may not be on the disk. Once it is in order, \`resume: true\` goes on behind those that are.`,
        { path: target, reason },
        { cause },
      );
      await disk.refused();
      return;
    }
    disk.synced(mark);
  }

  return {
    check,
    async write(position, bytes) {
      check();
      await writeWhole(handle, position, bytes);
      unsynced += bytes.length;
    },
    begin() {
      if (early || unsynced < earlyBytes) return;
      early = ask().finally(() => {
        early = undefined;
      });
    },
    async sync(journal) {
      await early;
      check();
      await ask(journal);
      check();
    },
    async leave() {
      await early;
      if (!told) check();
    },
    async restart() {
      await early;
      failure = undefined;
      told = false;
      unsynced = 0;
      await attempt(target, () => handle.truncate(0));
    },
    settle: async () => early,
  };
}

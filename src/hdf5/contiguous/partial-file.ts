import type { JournalEntry } from "./journal.js";

/** How an unfinished file is to be opened. */
export interface PartialFileOptions {
  /** Goes into the journal's head; what an earlier run put there must be equal to resume. */
  readonly description: Readonly<Record<string, unknown>>;
  readonly overwrite: boolean;
  readonly resume: boolean;
  /** Whether the lock of a process of another machine is taken over. */
  readonly takeOver: boolean;
  /** Bytes that the whole file will take, as far as known. */
  readonly expectedBytes: number;
  /** Bytes from the file's beginning to the end of so many rows. */
  bytesOf(rows: number): number;
}

/** A file under construction: `X.partial` with its journal, under a lock, which becomes `X` in the end. */
export interface PartialFile {
  /** Whether there was an unfinished file of an earlier run. */
  readonly resumed: boolean;
  /** Bytes of the unfinished file when it was opened. */
  readonly size: number;
  /** Entries of the journal, in order. */
  entries(): AsyncIterable<JournalEntry>;
  read(position: number, target: Uint8Array): Promise<void>;
  write(position: number, bytes: Uint8Array): Promise<void>;
  /**
   * Begins a new file that takes this one's place in the end. From now on `read` is of the old one; `write`, `truncate`
   * and `complete` are of the new one. Called again, it begins anew.
   */
  replace(): Promise<void>;
  /** Changes the description that a later run has to give. Only before the first entry. */
  describe(description: Readonly<Record<string, unknown>>): Promise<void>;
  /** Appends an entry. After a failure the same place is written again. */
  append(entry: Uint8Array): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Waits until the disk itself has everything. */
  sync(): Promise<void>;
  /** Throws if the disk has refused rows since they were appended. */
  check(): void;
  /** Whether `checkOwner` has said that another writer has taken the file over. */
  readonly lost: boolean;
  /** Throws if another writer has taken the file over. Whatever this one still writes is in no file that has a name. */
  checkOwner(): Promise<void>;
  /** Gives the file its name. Nothing of the journal or lock remains. */
  complete(): Promise<void>;
  /** Closes everything and leaves the unfinished file to a later run. */
  release(): Promise<void>;
  /** Removes everything. */
  discard(): Promise<void>;
}

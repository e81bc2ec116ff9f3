import { stat, unlink } from "node:fs/promises";
import { FileAccessError, InvalidArgumentError } from "../../errors.js";
import { fileAccessError } from "../../files/file-access.node.js";
import { readJournalEntries, readJournalHead } from "./journal.js";
import { openSource } from "./open-source.node.js";
import type { PartialFileOptions } from "./partial-file.js";

/** The files of a run that is not complete. */
export interface RunFiles {
  readonly path: string;
  readonly partialPath: string;
  readonly journalPath: string;
  readonly replacementPath: string;
  readonly markPath: string;
}

/** Tidies up after a run that was killed while a replacement became the complete file. */
export async function settleReplacement(paths: RunFiles, target: string): Promise<void> {
  const { path, partialPath, journalPath, replacementPath, markPath } = paths;
  if ((await sizeOf(markPath)) === undefined) return;
  const completed = (await sizeOf(replacementPath)) === undefined && (await sizeOf(path)) !== undefined;
  for (const leftover of completed ? [partialPath, journalPath, markPath] : [markPath]) {
    if ((await sizeOf(leftover)) !== undefined) await attempt(target, () => unlink(leftover));
  }
}

/** What an earlier run has left. */
export interface Begun {
  /** Where the journal's entries begin and where the last whole one ends. */
  readonly start: number;
  readonly end: number;
  /** Rows that the entries tell of. */
  readonly rows: number;
  /** Of the data file, if it came to be made. */
  readonly bytes: number | undefined;
}

/** Looks at what lies there. `undefined` if a new file is to be begun. */
export async function inspectRun(
  target: string,
  partialPath: string,
  journalPath: string,
  options: PartialFileOptions,
): Promise<Begun | undefined> {
  const complete = (await sizeOf(target)) !== undefined;
  if (complete && !options.overwrite) {
    // A run that was killed just after giving the file its name leaves a journal without a file.
    if ((await sizeOf(partialPath)) === undefined) await unlink(journalPath).catch(() => undefined);
    throw new FileAccessError(
      `Cannot write "${target}": it exists already and is complete. Choose another path, delete it, or pass \`overwrite: true\`.`,
      { path: target, reason: "exists" },
    );
  }
  const partialBytes = await sizeOf(partialPath);
  if ((await sizeOf(journalPath)) === undefined) {
    if (partialBytes !== undefined && !options.overwrite) {
      throw new FileAccessError(
        `Cannot write "${target}": there is a file "${partialPath}" that no journal belongs to. Delete it, or pass \`overwrite: true\`.`,
        { path: target, reason: "exists" },
      );
    }
    return undefined;
  }
  const source = await openSource(journalPath);
  try {
    const head = await readJournalHead(source);
    // A journal without a whole head was begun by a run that never came to write a row.
    if (!head) return undefined;
    if (!options.resume) {
      if (options.overwrite) return undefined;
      throw new FileAccessError(
        `Cannot write "${target}": there is an unfinished "${partialPath}" of an earlier run. Pass \`resume: true\` to continue it, or \`overwrite: true\` to start anew.`,
        { path: target, reason: "exists" },
      );
    }
    let end = head.end;
    let rows = 0;
    for await (const found of readJournalEntries(source, head.end)) {
      end = found.end;
      rows += found.entry.rows;
    }
    const differences = differencesOf(head.description as Readonly<Record<string, unknown>>, options.description);
    if (differences.length > 0) {
      // Facts may be settled before the first row: of a run that never came to one there is nothing that could be mixed.
      if (end === head.end && differences.every((text) => text.startsWith("`attributes."))) return undefined;
      throw new InvalidArgumentError(
        `Cannot resume "${target}": it was begun differently: ${differences.join("; ")}. Use the same settings, or pass \`overwrite: true\` without \`resume\` to start anew.`,
      );
    }
    if (partialBytes === undefined && rows > 0) {
      if (complete) return undefined;
      throw new FileAccessError(
        `Cannot resume "${target}": its journal tells of ${rows} rows, but "${partialPath}" is gone. Pass \`overwrite: true\` to start anew.`,
        { path: target, reason: "missing" },
      );
    }
    return { start: head.end, end, rows, bytes: partialBytes };
  } finally {
    await source.close();
  }
}

function differencesOf(
  begun: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, unknown>>,
): readonly string[] {
  const normal = JSON.parse(JSON.stringify(wanted)) as Readonly<Record<string, unknown>>;
  return [...new Set([...Object.keys(begun), ...Object.keys(normal)])]
    .filter((key) => JSON.stringify(begun[key]) !== JSON.stringify(normal[key]))
    .map((key) => `\`${key}\` was ${JSON.stringify(begun[key])} and is now ${JSON.stringify(normal[key])}`);
}

/** Turns what the operating system says into the library's error. */
export async function attempt<T>(target: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw fileAccessError("write", target, cause);
  }
}

/** Bytes of a file; `undefined` if there is none. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    throw fileAccessError("open", path, cause);
  }
}

/** The operating system's name of an error. */
export function codeOf(cause: unknown): string | undefined {
  return typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : undefined;
}

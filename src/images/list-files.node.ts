import type { Dirent, Stats } from "node:fs";
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { FileAccessError } from "../errors.js";
import { compareCodePoints } from "./compare-code-points.js";

/**
 * Names of the folders right within a folder, links to folders included, sorted by code point.
 *
 * @throws FileAccessError if it is missing, not a folder, or cannot be read, or a folder in it has a name that is not UTF-8
 */
export async function listFolders(directory: string): Promise<readonly string[]> {
  const names: string[] = [];
  for (const entry of await entriesOf(directory)) {
    const path = join(directory, entry.name);
    const isFolder = entry.isDirectory() || (entry.isSymbolicLink() && (await statOf(path))?.isDirectory() === true);
    if (!isFolder) continue;
    await checkName(path, entry.name);
    names.push(entry.name);
  }
  return names.sort(compareCodePoints);
}

/** A file found: where it is, and its path below the folder that was searched, with forward slashes. */
export interface FoundFile {
  readonly path: string;
  readonly relative: string;
}

/**
 * Every file below a folder in the order of Keras's `index_directory`: folders sorted by their whole path, within each
 * the file names sorted, both by code point. Links to files are taken; links to folders only with `followLinks`, and
 * not where they lead back to a folder above.
 *
 * @throws FileAccessError if a folder cannot be read, or a name is not UTF-8
 */
export async function listFiles(
  directory: string,
  accept: (name: string) => boolean,
  followLinks: boolean,
): Promise<readonly FoundFile[]> {
  const folders: { readonly key: string; readonly names: string[] }[] = [];

  async function walk(key: string, above: readonly string[]): Promise<void> {
    const folder = key === "" ? directory : join(directory, key);
    const names: string[] = [];
    for (const entry of await entriesOf(folder)) {
      const path = join(folder, entry.name);
      const isLink = entry.isSymbolicLink();
      const isFolder = isLink ? (await statOf(path))?.isDirectory() === true : entry.isDirectory();
      if (!isFolder) {
        if (!accept(entry.name)) continue;
        await checkName(path, entry.name);
        names.push(entry.name);
      } else if (!isLink || followLinks) {
        await checkName(path, entry.name);
        const real = followLinks ? await realpath(path) : path;
        if (!above.includes(real)) await walk(`${key}${sep}${entry.name}`, [...above, real]);
      }
    }
    folders.push({ key, names: names.sort(compareCodePoints) });
  }

  await walk("", [followLinks ? await realpath(directory) : directory]);
  folders.sort((a, b) => compareCodePoints(a.key, b.key));
  return folders.flatMap(({ key, names }) =>
    names.map((name) => ({
      path: join(directory, key, name),
      relative: [...key.split(sep), name].filter((part) => part !== "").join("/"),
    })),
  );
}

async function entriesOf(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const [reason, why] =
      code === "ENOENT"
        ? (["missing", "there is no such folder"] as const)
        : code === "ENOTDIR"
          ? ([
              "other",
              "it is a file. Pass the folder that holds one folder per class, or use `imageList` for files",
            ] as const)
          : code === "EACCES" || code === "EPERM"
            ? (["not-permitted", "it is not permitted"] as const)
            : (["other", String(cause)] as const);
    throw new FileAccessError(`Cannot list images in "${directory}": ${why}.`, { path: directory, reason }, { cause });
  }
}

/**
 * Refuses a name that is not UTF-8: it was listed with replacement characters, and nothing of the name with these in it
 * can be opened. A name may also hold that character rightly.
 */
async function checkName(path: string, name: string): Promise<void> {
  if (!name.includes("\uFFFD")) return;
  try {
    await lstat(path);
  } catch (cause) {
    throw new FileAccessError(
      `Cannot list images: the name of "${path}" is not valid UTF-8, so that it cannot be opened. Rename it, for example with convmv.`,
      { path, reason: "other" },
      { cause },
    );
  }
}

/** What is behind a link; `undefined` behind a broken one. */
async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch {
    return undefined;
  }
}

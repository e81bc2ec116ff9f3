import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";

/** Where the bytes of a partial download come from; they may only be continued from the very same. */
export interface DownloadOrigin {
  readonly url: string;
  /** Strong `ETag`, or `Last-Modified`, for `If-Range`; `undefined` if the server sent neither. */
  readonly validator: string | undefined;
  readonly totalBytes: number | undefined;
}

/**
 * A download that is not finished, as a folder beside the finished file's place: `data` and `origin.json`. While a
 * process works on it, the folder's name has the host and process in it; put down, it is `<file>.partial`. Taking it and
 * putting it down are renames, so two processes never hold the same one.
 */
export interface PartialDownload {
  readonly dataPath: string;
  /** Bytes there. */
  size(): Promise<number>;
  readOrigin(): Promise<DownloadOrigin | undefined>;
  writeOrigin(origin: DownloadOrigin): Promise<void>;
  /** Puts it down, to be taken up by a later call. */
  release(): Promise<void>;
  /** Removes it. */
  remove(): Promise<void>;
}

const suffix = ".partial";

/** An owner that cannot be asked whether it lives is taken for dead after a day without a write. */
const abandonedAfterMilliseconds = 24 * 60 * 60 * 1000;

/** Takes up what an earlier download of this file left behind, or begins a new one. */
export async function takePartialDownload(cachePath: string): Promise<PartialDownload> {
  const folder = dirname(cachePath);
  await mkdir(folder, { recursive: true });
  const owner = `${hostId()}.${process.pid}.${randomUUID()}`;
  const own = join(folder, `${basename(cachePath)}.${owner}${suffix}`);
  for (const candidate of await abandoned(folder, basename(cachePath))) {
    if (await renamed(candidate, own)) return partialDownload(own, cachePath);
  }
  await mkdir(own);
  return partialDownload(own, cachePath);
}

function partialDownload(own: string, cachePath: string): PartialDownload {
  const dataPath = join(own, "data");
  const originPath = join(own, "origin.json");
  const remove = () => rm(own, { recursive: true, force: true });
  const size = async () => (await stat(dataPath).catch(missing))?.size ?? 0;
  return {
    dataPath,
    remove,
    size,
    async readOrigin() {
      try {
        const origin = JSON.parse(await readFile(originPath, "utf8")) as DownloadOrigin | null;
        return origin ?? undefined;
      } catch {
        // Missing or torn by a kill while it was written: without it the bytes cannot be continued.
        return undefined;
      }
    },
    writeOrigin: (origin) => writeFile(originPath, JSON.stringify(origin)),
    async release() {
      // Another process may have put its own down meanwhile: one is enough.
      if ((await size()) === 0 || !(await renamed(own, `${cachePath}${suffix}`))) await remove();
    },
  };
}

/** Folders of downloads of this file that nobody works on. */
async function abandoned(folder: string, fileName: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${fileName}.`) || !name.endsWith(suffix)) continue;
    const path = join(folder, name);
    const owner = name.slice(fileName.length + 1, -suffix.length);
    if (name === `${fileName}${suffix}` || !(await lives(owner, path))) found.push(path);
  }
  return found;
}

async function lives(owner: string, path: string): Promise<boolean> {
  const [, host, pid] = /^(.+)\.(\d+)\.[^.]+$/.exec(owner) ?? [];
  if (host === hostId() && pid !== undefined && !processLives(Number(pid))) return false;
  const written = (await stat(join(path, "data")).catch(missing)) ?? (await stat(path).catch(missing));
  return written !== undefined && Date.now() - written.mtimeMs < abandonedAfterMilliseconds;
}

function processLives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, but belongs to another user.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function hostId(): string {
  return hostname().replace(/[^A-Za-z0-9-]/g, "_");
}

async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTEMPTY" || code === "EEXIST" || code === "EPERM") return false;
    throw error;
  }
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
  return undefined;
}

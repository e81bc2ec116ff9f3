import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { link, readdir, readFile, rename, stat, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { FileAccessError } from "../errors.js";
import { fileAccessError } from "./file-access.node.js";

/** Removing a lock takes a moment; who has not done so after this long has ended. */
const abandonedMilliseconds = 5000;

interface Owner {
  readonly pid: number;
  readonly host: string;
  /** When the process began, where the system tells: in a container that starts again a new process has the old number. */
  readonly started?: string | undefined;
  /** Tells the run of a machine, where the system does: Pods of a Kubernetes Job have the same name on every machine. */
  readonly boot?: string | undefined;
  /** Tells two writers of one process apart. */
  readonly token?: string | undefined;
  /** Whether it was taken over: until its owner ends well, the one before may still be writing. */
  readonly takenOver?: boolean | undefined;
}

/** A lock that this writer has taken. */
export interface FileLock {
  /** Whether it was that of a process of another machine, or of one that may be another, which may still be writing. */
  readonly takenOver: boolean;
  /**
   * Reads the lock file: this writer's until another takes it over, or somebody removes it.
   *
   * @throws FileAccessError with reason `locked` if it is not this writer's any more
   */
  check(): Promise<void>;
  /** Removes the lock file unless it has been taken over: it is another writer's then, and keeps others out. */
  giveBack(): Promise<void>;
  /** The same, but one that was taken over becomes again what it was: nothing has come of it. */
  undo(): Promise<void>;
}

/**
 * Takes a lock file that only one writer can hold. The lock of a process of this machine that has ended is taken over.
 *
 * @param takeOver takes the lock of a process of another machine over too, of which nobody here can tell whether it has
 *   ended
 * @throws FileAccessError with reason `locked` if another writer holds it
 */
export async function takeLock(path: string, target: string, takeOver = false): Promise<FileLock> {
  const { pid } = process;
  const owner: Owner = { pid, host: hostname(), started: lookUp(pid)?.started, boot: bootOf(), token: randomUUID() };
  let text = JSON.stringify(owner);
  /** What the lock was that may be of a living writer. */
  let earlier: string | undefined;
  let missing: unknown;
  for (let attempt = 0; attempt < 500; attempt++) {
    try {
      await placeLock(path, text);
      await sweepAsides(path);
      return {
        takenOver: earlier !== undefined,
        check: () => checkHeld(path, target, text),
        giveBack: () => giveBack(path, text),
        undo: () => giveBack(path, text, earlier),
      };
    } catch (cause) {
      // ENOENT: another writer has just taken the lock and swept what was prepared here, or the folder is missing.
      const swept = hasCode(cause, "ENOENT") && existsSync(dirname(path));
      if (!swept && !hasCode(cause, "EEXIST")) throw fileAccessError("write", target, cause);
      missing = swept ? cause : undefined;
    }
    const held = await readFile(path, "utf8").catch(() => undefined);
    if (held === undefined) continue;
    const holder = parseOwner(held);
    const foreign = holder !== undefined && holder.host !== hostname();
    if (holder && (foreign ? !takeOver : isAlive(holder))) {
      const advice = foreign ? `pass \`takeOver: true\`, or delete "${path}"` : `delete "${path}"`;
      throw new FileAccessError(
        `Cannot write "${target}": process ${holder.pid} on "${holder.host}" is writing it. If that process has ended, ${advice}.`,
        { path: target, reason: "locked" },
      );
    }
    // Who took it over itself may have ended before its copies were made.
    const elsewhere = foreign || holder?.takenOver || (holder?.boot !== undefined && holder.boot !== owner.boot);
    if ((await removeLock(path, held)) && elsewhere) {
      earlier = held;
      text = JSON.stringify({ ...owner, takenOver: true } satisfies Owner);
    }
  }
  // A folder that is there and takes no files, such as those of the system itself.
  if (missing !== undefined) throw fileAccessError("write", target, missing);
  throw new FileAccessError(`Cannot write "${target}": its lock "${path}" keeps being taken by others.`, {
    path: target,
    reason: "locked",
  });
}

async function checkHeld(path: string, target: string, text: string): Promise<void> {
  let held: string | undefined;
  try {
    // At once: in Node's threads it would wait in turn with the rows that are being written, again before each batch.
    held = readFileSync(path, "utf8");
  } catch (cause) {
    if (!hasCode(cause, "ENOENT") || !existsSync(dirname(path))) throw fileAccessError("write", target, cause);
  }
  if (held === text) return;
  const owner = held === undefined ? undefined : parseOwner(held);
  const what = owner
    ? `process ${owner.pid} on "${owner.host}" has taken it over and goes on with it`
    : `its lock "${path}" is gone, so that others may be writing it`;
  throw new FileAccessError(
    `Cannot write "${target}" any more: ${what}. This writer has stopped; what it had written stays with the file.`,
    { path: target, reason: "locked" },
  );
}

async function giveBack(path: string, text: string, earlier?: string): Promise<void> {
  const held = await readFile(path, "utf8").catch(() => undefined);
  if (held !== text) return;
  // On a full disk there may be no room for it. Its owner then finds its lock gone, which stops it as well.
  const isBack = earlier !== undefined && (await putBack(path, earlier));
  if (!isBack) await unlink(path).catch(() => undefined);
}

async function putBack(path: string, earlier: string): Promise<boolean> {
  const aside = asideOf(path);
  try {
    await writeFile(aside, earlier, { flag: "wx" });
    await rename(aside, path);
    return true;
  } catch {
    await unlink(aside).catch(() => undefined);
    return false;
  }
}

/** Makes the lock appear with its content, so that nobody can find it empty and take it for a dead one. */
async function placeLock(path: string, text: string): Promise<void> {
  const aside = asideOf(path);
  await writeFile(aside, text, { flag: "wx" });
  try {
    await link(aside, path);
  } catch (cause) {
    if (!["ENOTSUP", "EOPNOTSUPP", "EPERM", "ENOSYS"].some((code) => hasCode(cause, code))) throw cause;
    // A file system without hard links.
    await writeFile(path, text, { flag: "wx" });
  } finally {
    await unlink(aside).catch(() => undefined);
  }
}

/** Removes what killed processes have left of preparing a lock. A living one that loses its own tries again. */
async function sweepAsides(path: string): Promise<void> {
  const prefix = `${basename(path)}.`;
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    if (name.startsWith(prefix) && /^(turn\.)?\d+\.\d+$/u.test(name.slice(prefix.length))) {
      await unlink(join(dirname(path), name)).catch(() => undefined);
    }
  }
}

let asideCount = 0;

function asideOf(path: string): string {
  return `${path}.${process.pid}.${asideCount++}`;
}

/**
 * Removes a dead owner's lock. One process at a time may do so, under a lock for just that: between looking and removing
 * the lock could otherwise have become somebody else's.
 *
 * @returns whether it was this process that removed it
 */
async function removeLock(path: string, held: string): Promise<boolean> {
  const turn = `${path}.turn`;
  try {
    await placeLock(turn, "");
  } catch (cause) {
    if (!hasCode(cause, "EEXIST") && !hasCode(cause, "ENOENT")) throw fileAccessError("write", path, cause);
    const since = await stat(turn).catch(() => undefined);
    if (since && Date.now() - since.mtimeMs > abandonedMilliseconds) await unlink(turn).catch(() => undefined);
    await setTimeout(20);
    return false;
  }
  try {
    if ((await readFile(path, "utf8").catch(() => undefined)) !== held) return false;
    await unlink(path);
    return true;
  } finally {
    await unlink(turn).catch(() => undefined);
  }
}

function parseOwner(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<Owner>;
    return typeof owner.pid === "number" && typeof owner.host === "string" ? (owner as Owner) : undefined;
  } catch {
    // Killed between creating the lock and writing into it.
    return undefined;
  }
}

/** A name of this run of the machine, also within containers; `undefined` where the system does not tell. */
function bootOf(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return undefined;
  }
}

/** Whether a process of this machine still runs: one of the same number that began at another time is not it. */
function isAlive({ pid, started }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    return !hasCode(cause, "ESRCH");
  }
  const now = lookUp(pid);
  if (now?.state === "Z") return false;
  return started === undefined || now === undefined || started === now.started;
}

/**
 * The state of a process, `Z` of one that has ended and that nobody has asked for yet, and when it began, as Linux counts.
 * `undefined` where the system does not tell.
 */
function lookUp(pid: number): { readonly state: string | undefined; readonly started: string | undefined } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name stands in brackets and may hold anything; behind it come the state first and the start as the twentieth.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0], started: fields[19] };
  } catch {
    return undefined;
  }
}

function hasCode(cause: unknown, code: string): boolean {
  return typeof cause === "object" && cause !== null && "code" in cause && cause.code === code;
}

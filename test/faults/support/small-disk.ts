import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

/** A file system of a few megabytes in memory, which can be filled to the last byte. */
export interface SmallDisk {
  readonly folder: string;
  /** Takes all the space but `spare` bytes. */
  fill(spare?: number): void;
  /** Gives the space back that `fill` took. */
  free(): void;
  /** Lets nothing be written, or again everything. */
  setReadOnly(readOnly: boolean): void;
  remove(): Promise<void>;
}

/** Mounts a file system. `undefined` where that is not allowed. */
export async function mountSmallDisk(megabytes: number): Promise<SmallDisk | undefined> {
  if (process.platform !== "linux") return undefined;
  const folder = await mkdtemp(path.join(tmpdir(), "small-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "none", folder], { stdio: "ignore" });
  } catch {
    await rm(folder, { recursive: true });
    return undefined;
  }
  const ballast = path.join(folder, "ballast");
  return {
    folder,
    fill(spare = 0) {
      const { bavail, bsize } = statfsSync(folder);
      const file = openSync(ballast, "a");
      const block = new Uint8Array(bsize);
      try {
        for (let left = bavail * bsize - spare; left >= bsize; left -= bsize) writeSync(file, block);
      } finally {
        closeSync(file);
      }
    },
    setReadOnly: (readOnly) =>
      void execFileSync("mount", ["-o", `remount,${readOnly ? "ro" : "rw"}`, folder], { stdio: "ignore" }),
    free: () => rmSync(ballast, { force: true }),
    async remove() {
      execFileSync("umount", ["-l", folder], { stdio: "ignore" });
      await rm(folder, { recursive: true });
    },
  };
}

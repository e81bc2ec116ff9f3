import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeFileAtomically } from "../../src/files/atomic-file.node.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "atomic-file-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const bytes = new TextEncoder().encode("new");

describe("writeFileAtomically", () => {
  test("writes a new file, replaces an old one, and leaves nothing beside it", async () => {
    const file = path.join(folder, "model.h5");
    await writeFileAtomically(file, bytes, { overwrite: false });
    expect(await readFile(file, "utf8")).toBe("new");
    await writeFileAtomically(file, new TextEncoder().encode("newer"), { overwrite: true });
    expect(await readFile(file, "utf8")).toBe("newer");
    expect(await readdir(folder)).toEqual(["model.h5"]);
  });

  test("writes through a link, which stays one", async () => {
    const file = path.join(folder, "model.h5");
    const link = path.join(folder, "latest.h5");
    await writeFile(file, "old");
    await symlink(file, link);
    await writeFileAtomically(link, bytes, { overwrite: true });
    expect(await readFile(file, "utf8")).toBe("new");
    expect(await readlink(link)).toBe(file);
  });

  test("refuses an existing file if it may not be replaced", async () => {
    const file = path.join(folder, "model.h5");
    await writeFile(file, "old");
    await expect(writeFileAtomically(file, bytes, { overwrite: false })).rejects.toMatchObject({
      name: "FileAccessError",
      reason: "exists",
      path: file,
    });
    expect(await readFile(file, "utf8")).toBe("old");
  });

  test("fails with a typed error where the folder is missing, or the path is a folder", async () => {
    const missing = path.join(folder, "no", "model.h5");
    await expect(writeFileAtomically(missing, bytes, { overwrite: true })).rejects.toMatchObject({
      name: "FileAccessError",
      reason: "missing",
    });
    await mkdir(path.join(folder, "model.h5"));
    await expect(writeFileAtomically(path.join(folder, "model.h5"), bytes, { overwrite: true })).rejects.toMatchObject({
      name: "FileAccessError",
      message: expect.stringMatching(/it is a folder/),
    });
    expect(await readdir(folder)).toEqual(["model.h5"]);
  });

  test.skipIf(process.platform !== "linux")(
    "keeps the old file and removes its own where the disk takes no more (skipped where there is no prlimit)",
    async () => {
      const file = path.join(folder, "model.h5");
      await writeFile(file, "old");
      // A limit on the size of files is refused by the system like a full disk, and needs no rights to set.
      const child = startWriter(file, 4_000_000, ["prlimit", "--fsize=1000000"]);
      const [code] = await once(child, "exit");
      expect(code).toBe(7);
      expect(await readFile(file, "utf8")).toBe("old");
      expect(await readdir(folder)).toEqual(["model.h5"]);
    },
  );

  test("leaves the old file whole when the process is killed while it writes", async () => {
    const file = path.join(folder, "model.h5");
    await writeFile(file, "old");
    const child = startWriter(file, 400_000_000);
    // Killed as soon as the temporary file has grown to something.
    while (child.exitCode === null && !(await hasPartialFile())) await new Promise((done) => setTimeout(done, 2));
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    expect(child.signalCode).toBe("SIGKILL");
    expect(await readFile(file, "utf8")).toBe("old");
  });
});

async function hasPartialFile(): Promise<boolean> {
  const [temporary] = (await readdir(folder)).filter((name) => name.endsWith(".tmp"));
  if (temporary === undefined) return false;
  const { size } = await stat(path.join(folder, temporary)).catch(() => ({ size: 0 }));
  return size > 0;
}

/** A process of its own that writes a file of some size; it exits with 7 if that fails with the right error. */
function startWriter(file: string, size: number, wrapper: readonly string[] = []): ChildProcess {
  const source = fileURLToPath(new URL("../../src/files/atomic-file.node.ts", import.meta.url));
  const code = `
    process.on("SIGXFSZ", () => {});
    const { writeFileAtomically } = await import(${JSON.stringify(source)});
    await writeFileAtomically(${JSON.stringify(file)}, new Uint8Array(${size}).fill(1), { overwrite: true })
      .catch((error) => process.exit(error.name === "FileAccessError" && error.reason === "disk-full" ? 7 : 1));`;
  const [command = "", ...parameters] = [
    ...wrapper,
    process.execPath,
    "--import",
    "tsx",
    "--input-type=module",
    "--eval",
    code,
  ];
  return spawn(command, parameters, { stdio: "inherit" });
}

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";

const run = promisify(execFile);

/** What the tests of the package get to know. */
export interface InstalledPackage {
  /** The file that would be published. */
  readonly tarball: string;
  /** A project that has the package and every library installed. */
  readonly consumer: string;
  /** A project that has the package, with none of its libraries but the one that is imported at once. */
  readonly bare: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    installed: InstalledPackage;
  }
}

/** Packs the package and unpacks it into two projects, as an installation does; libraries are links to our own. */
export default async function installPackage(project: TestProject): Promise<() => Promise<void>> {
  const root = resolve(import.meta.dirname, "../../..");
  const folder = await mkdtemp(join(tmpdir(), "cnn-transfer-package-"));
  await run(process.execPath, [join(root, "node_modules/tsup/dist/cli-default.js"), "--silent"], { cwd: root });
  const packed = await run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], { cwd: root });
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  const tarball = join(folder, filename);

  const [consumer, bare] = await Promise.all(
    ["consumer", "bare"].map(async (name) => {
      const home = join(folder, name, "node_modules/cnn-transfer");
      await mkdir(home, { recursive: true });
      await run("tar", ["-xzf", tarball, "-C", home, "--strip-components=1"]);
      await writeFile(join(folder, name, "package.json"), JSON.stringify({ name, private: true, type: "module" }));
      return join(folder, name);
    }),
  );
  if (consumer === undefined || bare === undefined) throw new Error("The projects were not made.");
  for (const name of await readdir(join(root, "node_modules"))) {
    if (name.startsWith(".")) continue;
    await symlink(join(root, "node_modules", name), join(consumer, "node_modules", name));
  }
  await symlink(join(root, "node_modules/@bufbuild"), join(bare, "node_modules/@bufbuild"));
  project.provide("installed", { tarball, consumer, bare });
  return () => rm(folder, { recursive: true, force: true });
}

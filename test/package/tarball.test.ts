import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { publint } from "publint";
import { describe, expect, inject, test } from "vitest";

const run = promisify(execFile);
const { tarball, consumer } = inject("installed");
const root = resolve(import.meta.dirname, "../..");

describe("the packed package", () => {
  test("holds the build, the licence and what a reader needs, and nothing else", async () => {
    const { stdout } = await run("tar", ["-tzf", tarball]);
    const files = stdout
      .trim()
      .split("\n")
      .map((file) => file.replace("package/", ""));
    const built = /^dist\/(node|browser)\/[\w.-]+\.(js|mjs|d\.ts)$/;
    const read = /^(docs\/([\w-]+\/)?[\w-]+\.(md|svg|csv|json)|examples\/[\w.-]+\.(ts|json))$/;
    const others = files.filter((file) => !built.test(file) && !read.test(file));
    expect(others.sort()).toEqual(["CHANGELOG.md", "LICENSE", "README.md", "assets/vgg-mini.h5", "package.json"]);
    expect(files).toEqual(
      expect.arrayContaining([
        "dist/node/index.js",
        "dist/node/index.d.ts",
        "dist/node/block-steps.mjs",
        "dist/node/picture-worker.mjs",
        "dist/node/session-worker.mjs",
        "dist/node/training-worker.mjs",
        "dist/node/weight-memory.mjs",
      ]),
    );
    expect(files).toContain("dist/browser/index.js");
  });

  test("holds every file that its pages link to, as there is no website that has them", async () => {
    const home = join(consumer, "node_modules/cnn-transfer");
    const docs = (await readdir(join(home, "docs"), { recursive: true })).map((file) => join("docs", file));
    const pages = ["README.md", "CHANGELOG.md", ...docs.filter((file) => file.endsWith(".md"))];
    expect(pages.length).toBeGreaterThan(40);
    const broken: string[] = [];
    for (const page of pages) {
      for (const [, path = ""] of (await readFile(join(home, page), "utf8")).matchAll(/\]\((?!https?:|#)([^)#\s]*)/g)) {
        if (!existsSync(join(home, dirname(page), path))) broken.push(`${page}: ${path}`);
      }
    }
    expect(broken).toEqual([]);
  });

  test("passes publint without a word", async () => {
    const { messages } = await publint({
      pkgDir: join(consumer, "node_modules/cnn-transfer"),
      strict: true,
      pack: false,
    });
    expect(messages).toEqual([]);
  });

  test("has types that resolve wherever an ES module can be imported", async () => {
    const attw = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
    // The profile leaves out the resolutions of CommonJS, which this package does not have.
    await run(process.execPath, [attw, tarball, "--profile", "esm-only"]).catch((error: { stdout: string }) => {
      throw new Error(error.stdout);
    });
  });
});

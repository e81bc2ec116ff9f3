import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BundledScript, bundleScript } from "./support/bundled-script.js";

const packed = path.resolve(import.meta.dirname, "../fixtures/hdf5-plugins/plugins.h5");
const hide = path.resolve(import.meta.dirname, "../support/hide-h5wasm-plugins.mjs");
let script: BundledScript;
let folder: string;
beforeAll(async () => {
  script = await bundleScript("use-plugins");
  folder = await mkdtemp(path.join(tmpdir(), "plugins-"));
});
afterAll(async () => {
  await script.remove();
  await rm(folder, { recursive: true, force: true });
});

async function run(state: string, parameters: readonly string[] = ["--import", hide]) {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [...parameters, script.path, folder, packed], {
    env: { ...process.env, H5WASM_PLUGINS: state },
    timeout: 60_000,
  });
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

test.each(["missing", "broken"])(
  "with h5wasm-plugins %s, writing and reading say what to install, gzip goes on, and nothing is printed",
  async (state) => {
    const { results, left } = await run(state);
    const [writing, fromPath, fromBytes, gzip] = results;
    for (const error of [writing, fromPath, fromBytes]) {
      expect(error).toMatchObject({
        name: "UnsupportedError",
        message: expect.stringMatching(/"zstd".*npm install h5wasm-plugins/),
      });
    }
    expect(fromPath.message).toContain(packed);
    expect(gzip).toBe("done");
    expect(left).toEqual([]);
  },
);

test("with it, the same program works", async () => {
  const { results } = await run("", []);
  expect(results).toEqual(["done", "done", "done", "done"]);
});

import { join } from "node:path";
import { build } from "esbuild";
import { describe, expect, inject, test } from "vitest";

const { consumer } = inject("installed");

/** Everything that a bundler for browsers makes of an import of the package. */
async function bundle(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: consumer, sourcefile: "app.js" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    splitting: true,
    outdir: join(consumer, "bundle"),
    external: [
      "@tensorflow/*",
      "onnxruntime-*",
      "h5wasm",
      "h5wasm/*",
      "h5wasm-plugins",
      "jsfive",
      "sharp",
      "umap-js",
      "@bufbuild/*",
    ],
    logLevel: "silent",
  });
  return outputFiles.map((file) => file.text).join("\n");
}

describe("a bundle for browsers", () => {
  test("is made of the whole package and holds no `node:`", async () => {
    const text = await bundle('export * from "cnn-transfer";');
    expect(text).toContain("FeatureExtractor");
    expect(text.match(/.*["'`]node:.*/g) ?? []).toEqual([]);
  });

  test("names neither sharp nor a runtime that browsers lack", async () => {
    const text = await bundle('export * from "cnn-transfer";');
    const imports = [...text.matchAll(/import\(\s*["']([^"']+)["']\s*\)|from\s*["']([^"']+)["']/g)];
    const packages = imports.map(([, late, early]) => late ?? early ?? "").filter((name) => !name.startsWith("."));
    expect(packages.filter((name) => /^(sharp|onnxruntime-node|@tensorflow\/tfjs-node)/.test(name))).toEqual([]);
  });

  test("leaves out what an app does not use", async () => {
    const small = await bundle('export { createRandom } from "cnn-transfer";');
    expect(small).not.toContain("HDF5DatasetWriter");
    expect(small).not.toContain("FeatureExtractor");
  });
});

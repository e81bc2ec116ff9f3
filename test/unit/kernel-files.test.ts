import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { compileKernels, kernelFiles } from "../../assembly/build.mjs";

test.each(kernelFiles)("$path is what assembly/ compiles to", async (file) => {
  const committed = new URL(`../../${file.path}`, import.meta.url);
  expect(await readFile(committed, "utf8")).toBe(await compileKernels(file));
});

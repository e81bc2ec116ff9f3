// Compiles assembly/optimizer-kernels.ts. As a program (`npm run build:kernels`) it writes the file that src/ imports.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const target = new URL("../src/backends/training/optimizer-kernels-binary.ts", import.meta.url);

/**
 * Source of the TypeScript file with the compiled kernels.
 * @returns {Promise<string>}
 */
export async function compileKernels() {
  const source = await readFile(new URL("optimizer-kernels.ts", import.meta.url), "utf8");
  /** @type {Uint8Array | undefined} */
  let binary;
  const { error, stderr } = await asc.main(
    "kernels.ts --outFile kernels.wasm -O3 --noAssert --runtime stub --enable simd --importMemory".split(" "),
    {
      readFile: (name) => (name === "kernels.ts" ? source : null),
      writeFile(_, contents) {
        if (typeof contents !== "string") binary = contents;
      },
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  const lines =
    Buffer.from(/** @type {Uint8Array} */ (binary))
      .toString("base64")
      .match(/.{1,110}/g) ?? [];
  return [
    "// Made by `npm run build:kernels` of assembly/optimizer-kernels.ts.",
    "/** The WebAssembly module of the optimizers' steps, in base64. */",
    "export const optimizerKernelsBase64 =",
    `${lines.map((line) => `  "${line}"`).join(" +\n")};`,
    "",
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(target, await compileKernels());

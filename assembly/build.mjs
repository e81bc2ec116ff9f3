// Compiles the kernels of this folder. As a program (`npm run build:kernels`) it writes the files that src/ imports.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const always = "--outFile kernels.wasm -O3 --noAssert --runtime stub --enable simd --importMemory --noExportMemory";
/** A memory shared between threads must have a greatest size, which is that of all addresses. */
const shared = "--enable threads --sharedMemory --maximumMemory 65536";

/**
 * The files that are made: each with one or several modules, which export what their sources export.
 *
 * @type {readonly {
 *   readonly path: string;
 *   readonly sources: readonly string[];
 *   readonly modules: readonly { readonly name: string; readonly about: string; readonly options: string }[];
 * }[]}
 */
export const kernelFiles = [
  {
    path: "src/backends/training/optimizer-kernels-binary.ts",
    sources: ["optimizer-kernels.ts"],
    modules: [
      {
        name: "optimizerKernelsBase64",
        about: "The WebAssembly module of the optimizers' steps, in base64.",
        options: "",
      },
    ],
  },
  {
    path: "src/training/row-kernels-binary.ts",
    sources: ["row-products.ts"],
    modules: [
      { name: "rowKernelsBase64", about: "The WebAssembly module of products of rows, in base64.", options: "" },
    ],
  },
  {
    path: "src/images/resample-kernels-binary.ts",
    sources: ["resample.ts"],
    modules: [
      {
        name: "resampleKernelsBase64",
        about: "The WebAssembly module of resizing, in base64.",
        options: "",
      },
    ],
  },
  {
    path: "src/backends/tfjs/simd/simd-kernels-binary.ts",
    sources: ["adam.ts", "matrix-product.ts", "packing.ts", "winograd.ts"],
    modules: [
      {
        name: "simdKernelsBase64",
        about: "The WebAssembly module for the memory of tfjs's wasm backend, in base64.",
        options: "",
      },
      {
        name: "sharedSimdKernelsBase64",
        about: "The same for a memory that is shared between threads: a module declares which of the two it imports.",
        options: shared,
      },
    ],
  },
];

/**
 * Source of a TypeScript file with compiled kernels.
 *
 * @param {(typeof kernelFiles)[number]} file
 * @returns {Promise<string>}
 */
export async function compileKernels({ sources, modules }) {
  const parts = [`// Made by \`npm run build:kernels\` of ${sources.map((name) => `assembly/${name}`).join(", ")}.`];
  for (const { name, about, options } of modules) {
    const lines = (await compile(sources, options)).toString("base64").match(/.{1,110}/g) ?? [];
    parts.push(`/** ${about} */`, `export const ${name} =`, `${lines.map((line) => `  "${line}"`).join(" +\n")};`);
  }
  return `${parts.join("\n")}\n`;
}

/**
 * @param {readonly string[]} sources
 * @param {string} options
 */
async function compile(sources, options) {
  /** @type {Uint8Array | undefined} */
  let binary;
  const { error, stderr } = await asc.main([...sources, ...`${always} ${options}`.trim().split(" ")], {
    readFile: readSource,
    writeFile(_, contents) {
      if (typeof contents !== "string") binary = contents;
    },
    listFiles: () => [],
  });
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  return Buffer.from(/** @type {Uint8Array} */ (binary));
}

/**
 * A source, or null where there is none: the compiler tries several names. TypeScript decorates no functions, so that for
 * the sake of formatters and linters `@inline` stands in a comment.
 *
 * @param {string} name
 */
async function readSource(name) {
  const source = await readFile(new URL(name, import.meta.url), "utf8").catch(() => null);
  return source?.replaceAll("// @inline\n", "@inline\n") ?? null;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const file of kernelFiles) {
    await writeFile(new URL(`../${file.path}`, import.meta.url), await compileKernels(file));
  }
}

import { readFileSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import type { Noise } from "./noise.js";
import type { MachinePeak } from "./peak.js";
import { runPython } from "./python.js";
import type { Table } from "./report.js";

/** What one bench came to, and where. */
export interface BenchResult {
  readonly date: string;
  readonly machine: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly peak: MachinePeak;
  readonly versions: Readonly<Record<string, string>>;
  readonly noise: Noise;
  readonly tables: readonly Table[];
}

/** Results by name of the bench. */
export type BenchResults = Readonly<Record<string, BenchResult>>;

const libraries = ["onnxruntime-node", "@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-wasm", "sharp", "h5wasm"];

/** A result with the machine that it is of. */
export async function resultOf(tables: readonly Table[], noise: Noise, peak: MachinePeak): Promise<BenchResult> {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: os.cpus()[0]?.model ?? "unknown processor",
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    peak,
    versions: {
      node: process.version,
      ...Object.fromEntries(libraries.map((name) => [name, versionOf(name)])),
      ...(await runPython<Record<string, string>>("versions.py")),
    },
    noise,
    tables,
  };
}

function versionOf(name: string): string {
  const require = createRequire(import.meta.url);
  const root = require.resolve.paths(name)?.map((folder) => `${folder}/${name}/package.json`) ?? [];
  for (const file of root) {
    try {
      return JSON.parse(readFileSync(file, "utf8")).version;
    } catch {
      // Not in this folder.
    }
  }
  return "not installed";
}

/** What the machine did at most, in words. */
export function describePeak({ gigaflops, gigabytesPerSecond }: MachinePeak): string {
  return `At most: ${gigaflops.toFixed(0)} GFLOP/s in convolutions and products of matrices, ${gigabytesPerSecond.toFixed(1)} GB/s read and written in copying memory.`;
}

/** Where results are kept, and the page that shows them. */
export interface ResultFiles {
  readonly results: string;
  readonly page: string;
}

/**
 * Puts a result in the place of an earlier one of the same bench. What other runs have written meanwhile stays; benches that are
 * no more go.
 *
 * @param names of all benches, in the order of the page
 */
export async function writeResult(
  files: ResultFiles,
  names: readonly string[],
  name: string,
  result: BenchResult,
): Promise<void> {
  const text = await readFile(files.results, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return "{}";
    throw cause;
  });
  const all = mergeResults(JSON.parse(text), { [name]: result }, names);
  await replace(files.results, `${JSON.stringify(all, undefined, 2)}\n`);
  await replace(files.page, pageOf(all));
}

/**
 * Fresh results in the place of earlier ones, in the order of `names`, and none of a bench that is not among them, or that was
 * written before results had the machine's peak.
 */
export function mergeResults(earlier: BenchResults, fresh: BenchResults, names: readonly string[]): BenchResults {
  const all = { ...earlier, ...fresh };
  return Object.fromEntries(names.flatMap((name) => (all[name]?.peak ? [[name, all[name]]] : [])));
}

async function replace(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(`${file}.tmp`, text);
  await rename(`${file}.tmp`, file);
}

/** The page of the docs. */
export function pageOf(all: BenchResults): string {
  const benches = Object.entries(all).map(([name, result]) => {
    const { date, machine, cores, memoryGiB, peak, versions, noise, tables } = result;
    const software = Object.entries(versions).map(([what, version]) => `${what} ${version}`);
    return [
      `## ${name}`,
      `${machine}, ${cores} cores, ${memoryGiB} GiB; ${date}. ${describePeak(peak)} ${noise.verdict}`,
      `${software.join(", ")}.`,
      ...tables.map(({ heading, rows }) =>
        [
          `### ${heading}`,
          "",
          "| | median | least to most | |",
          "|---|---:|---:|---|",
          ...rows.map(
            ({ what, figure, spread = "", ratio = "" }) => `| ${[what, figure, spread, ratio].map(cell).join(" | ")} |`,
          ),
        ].join("\n"),
      ),
    ].join("\n\n");
  });
  return `# Figures

Written by \`npm run bench\`, which measures each line in turns with its peer and with what the machine can do at most. Ratios carry over to
other machines, the rest does not. "0.95 of the limit" and "1.20 x Keras" are speeds: more is faster. What the lines mean, and how to
tune: [performance](performance.md).

${benches.join("\n\n")}
`;
}

function cell(text: string): string {
  return text.trim().replaceAll("|", "\\|");
}

import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import os from "node:os";
import { fileURLToPath } from "node:url";
import type { Noise } from "./noise.js";
import type { Table } from "./report.js";

/** What one bench came to, and where. */
export interface BenchResult {
  readonly date: string;
  readonly machine: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly noise: Noise;
  readonly tables: readonly Table[];
}

const resultsFile = fileURLToPath(new URL("results.json", import.meta.url));
const figuresPage = fileURLToPath(new URL("../docs/figures.md", import.meta.url));
const peers = ["onnxruntime-node", "@tensorflow/tfjs-core", "sharp", "h5wasm"];

/** A result with the machine that it is of. */
export function resultOf(tables: readonly Table[], noise: Noise): BenchResult {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: os.cpus()[0]?.model ?? "unknown processor",
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    versions: { node: process.version, ...Object.fromEntries(peers.map((name) => [name, versionOf(name)])) },
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

/** Puts results in the place of earlier ones of the same bench, in `bench/results.json` and as a page of the docs. */
export async function writeResults(fresh: Readonly<Record<string, BenchResult>>): Promise<void> {
  const earlier = JSON.parse(await readFile(resultsFile, "utf8").catch(() => "{}"));
  const all: Readonly<Record<string, BenchResult>> = { ...earlier, ...fresh };
  await writeFile(resultsFile, `${JSON.stringify(all, undefined, 2)}\n`);
  await writeFile(figuresPage, pageOf(all));
}

function pageOf(all: Readonly<Record<string, BenchResult>>): string {
  const benches = Object.entries(all).map(([name, { date, machine, cores, memoryGiB, versions, noise, tables }]) => {
    const software = Object.entries(versions).map(([what, version]) => `${what} ${version}`);
    return [
      `## ${name}`,
      `${machine}, ${cores} cores, ${memoryGiB} GiB; ${software.join(", ")}; ${date}. ${noise.verdict}`,
      ...tables.map(({ heading, rows }) =>
        [
          `### ${heading.trim()}`,
          "",
          "| | | |",
          "|---|---:|---|",
          ...rows.map(({ what, figure, ratio = "" }) => `| ${[what, figure, ratio].map(cell).join(" | ")} |`),
        ].join("\n"),
      ),
    ].join("\n\n");
  });
  return `# Figures

Written by \`npm run bench\`, which measures each line in turns with its peer and with what the machine can do at most. Ratios carry over to
other machines, the rest does not. What the lines mean, and how to tune: [performance](performance.md).

${benches.join("\n\n")}
`;
}

function cell(text: string): string {
  return text.trim().replaceAll("|", "\\|");
}

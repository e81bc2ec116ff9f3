import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { extraction, integerExtraction } from "./extraction.js";
import { forward } from "./forward.js";
import { hdf5 } from "./hdf5.js";
import { int8 } from "./int8.js";
import { kerasFiles } from "./keras-files.js";
import { logistic } from "./logistic.js";
import { measuredNetworks } from "./networks.js";
import { watchNoise } from "./noise.js";
import { createPeakMeter, type PeakMeter } from "./peak.js";
import { takeTables } from "./report.js";
import { describePeak, type ResultFiles, resultOf, writeResult } from "./results.js";
import { search } from "./search.js";
import { training } from "./training.js";

const { positionals: asked, values } = parseArgs({
  allowPositionals: true,
  options: {
    gigabytes: { type: "string", default: "1" },
    rounds: { type: "string", default: "7" },
    batches: { type: "string", default: "1000" },
    quick: { type: "boolean", default: false },
    network: { type: "string" },
    output: { type: "string" },
  },
});
const gigabytes = numberOf("gigabytes", { from: 0.1, to: 100 });
const rounds = numberOf("rounds", { from: 1, to: 1000, whole: true });
const batches = numberOf("batches", { from: 10, to: 1_000_000, whole: true });
const { quick, output, network } = values;
if (network !== undefined && !measuredNetworks.some(({ backbone }) => backbone === network)) {
  refuse(`--network takes ${measuredNetworks.map(({ backbone }) => backbone).join(", ")}, received "${network}".`);
}

const benches: Readonly<Record<string, (peak: PeakMeter) => Promise<void>>> = {
  forward: (peak) => forward({ quick, peak }),
  extraction: () => extraction({ quick, network }),
  int8: () => int8({ quick }),
  "int8-extraction": () => integerExtraction({ quick }),
  hdf5: () => hdf5(quick ? { gigabytes: 0.1, rounds: 1 } : { gigabytes, rounds }),
  logistic: (peak) => logistic({ quick, peak }),
  "keras-files": () => kerasFiles({ quick }),
  search: (peak) => search({ rounds: quick ? 1 : rounds, quick, peak }),
  training: (peak) => training({ rounds: quick ? 3 : rounds, batches, quick, peak }),
};
const unknown = asked.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) refuse(`No bench is called "${unknown.join('", "')}". There are: ${names().join(", ")}.`);

console.log(
  `${os.cpus()[0]?.model ?? "unknown processor"}, ${os.availableParallelism()} cores, Node ${process.version}`,
);
const files = filesOf(output);
const peak = await createPeakMeter();
for (const [name, bench] of Object.entries(benches)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const noise = watchNoise();
  console.log(`\n# ${name}`);
  await peak.restart();
  await bench(peak);
  const result = await resultOf(takeTables(), noise(), peak.best());
  console.log(`\n${describePeak(result.peak)} ${result.noise.verdict}`);
  // At once, so that a bench which fails later takes nothing with it.
  if (files) await writeResult(files, names(), name, result);
}
await peak.close();

function names(): readonly string[] {
  return Object.keys(benches);
}

/** Where results go: a quick run shows that everything runs, and is too short as evidence, so only a named folder takes it. So it is with a part of one. */
function filesOf(folder: string | undefined): ResultFiles | undefined {
  if (folder !== undefined)
    return { results: path.join(folder, "results.json"), page: path.join(folder, "figures.md") };
  if (quick || network !== undefined) return undefined;
  const place = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  return { results: place("results.json"), page: place("../docs/figures.md") };
}

function numberOf(
  name: "gigabytes" | "rounds" | "batches",
  { from, to, whole = false }: { readonly from: number; readonly to: number; readonly whole?: boolean },
): number {
  const value = Number(values[name]);
  if (!(value >= from && value <= to) || (whole && !Number.isInteger(value))) {
    refuse(`--${name} takes a ${whole ? "whole " : ""}number from ${from} to ${to}, received "${values[name]}".`);
  }
  return value;
}

function refuse(message: string): never {
  console.error(message);
  process.exit(2);
}

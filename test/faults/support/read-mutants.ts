/**
 * A process that reads mutants of files through every reader, to be watched from outside. It prints a line before each
 * reader begins ("begin N READER"), so that one that hangs or crashes is known, and one for each fault found.
 */
import { readFileSync, writeSync } from "node:fs";
import { isCnnTransferError } from "../../../src/errors.js";
import { contiguous } from "../../../src/hdf5/contiguous-engine.js";
import { h5wasm } from "../../../src/hdf5/h5wasm.node.js";
import { jsfive } from "../../../src/hdf5/jsfive.node.js";
import { makeMutant } from "./mutant.js";
import { type Findings, readAsDataset, readEverything } from "./read-everything.js";

const { paths, first, last, memoryBytes, milliseconds } = JSON.parse(process.argv[2] as string) as {
  paths: readonly string[];
  first: number;
  last: number;
  memoryBytes: number;
  milliseconds: number;
};
const say = (line: string) => writeSync(1, `${line}\n`);

const readers: Readonly<Record<string, (bytes: Uint8Array) => Promise<Findings>>> = {
  contiguous: (bytes) => readEverything(contiguous(), bytes),
  jsfive: (bytes) => readEverything(jsfive(), bytes),
  h5wasm: (bytes) => readEverything(h5wasm(), bytes),
  generator: readAsDataset,
};

const files = paths.map((path) => new Uint8Array(readFileSync(path)));
const originals: ReadonlyMap<string, string>[] = [];
for (const bytes of files) originals.push((await readers.contiguous?.(bytes))?.values ?? new Map());
// Libraries are loaded once, and what they take is none of a mutant's.
for (const read of Object.values(readers)) await read(files[0] as Uint8Array);

process.on("unhandledRejection", (error) => say(`fault a promise was rejected and nobody waited: ${text(error)}`));
const counts: Record<string, number> = {};
for (let number = first; number < last; number++) {
  const mutant = makeMutant(number, files);
  const found: Record<string, Findings> = {};
  for (const [name, read] of Object.entries(readers)) {
    say(`begin ${number} ${name}`);
    const where = `mutant ${number} of ${paths[mutant.origin]}, ${mutant.what}, read by ${name}`;
    const before = process.resourceUsage().maxRSS * 1024;
    const start = performance.now();
    let findings: Findings;
    try {
      findings = await read(mutant.bytes);
    } catch (error) {
      findings = { values: new Map(), errors: [{ path: "", error }] };
    }
    found[name] = findings;
    const took = performance.now() - start;
    const grown = process.resourceUsage().maxRSS * 1024 - before;
    for (const { error } of findings.errors) {
      const typed = isCnnTransferError(error) && ["InvalidDatasetError", "UnsupportedError"].includes(error.name);
      if (!typed) say(`fault ${where}: ${text(error)}`);
    }
    if (took > milliseconds) say(`fault ${where}: took ${took.toFixed(0)} ms`);
    if (grown > memoryBytes) say(`fault ${where}: took ${(grown / 2 ** 20).toFixed(0)} MiB`);
    const outcome = findings.errors.length > 0 ? "refused" : "read";
    counts[`${name} ${outcome}`] = (counts[`${name} ${outcome}`] ?? 0) + 1;
  }
  // What the HDF5 library itself detects as damage must not come out of the own reader as numbers. With damage in several
  // places nobody knows which of it the library has met.
  const original = originals[mutant.origin] as ReadonlyMap<string, string>;
  const own = found.contiguous as Findings;
  const library = found.h5wasm as Findings;
  for (const [path, value] of mutant.single ? own.values : []) {
    const refusal = library.errors.find((found) => found.path === path || found.path === "");
    if (value === original.get(path) || !original.has(path) || library.values.has(path) || !refusal) continue;
    say(
      `undetected mutant ${number} of ${paths[mutant.origin]}, ${mutant.what}: "${path}" was ${short(original.get(path))}, is ${short(value)}, and h5wasm refuses it: ${text(refusal.error)}`,
    );
  }
}
say(`counts ${JSON.stringify(counts)}`);

function short(value: string | undefined): string {
  return value?.slice(0, 60) ?? "not there";
}

function text(error: unknown): string {
  return (error instanceof Error ? (error.stack ?? error.message) : `not an error: ${String(error)}`)
    .split("\n")
    .slice(0, 3)
    .join(" | ");
}

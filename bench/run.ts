import os from "node:os";
import { parseArgs } from "node:util";
import { extraction, integerExtraction } from "./extraction.js";
import { forward } from "./forward.js";
import { hdf5 } from "./hdf5.js";
import { int8 } from "./int8.js";
import { kerasFiles } from "./keras-files.js";
import { logistic } from "./logistic.js";
import { watchNoise } from "./noise.js";
import { takeTables } from "./report.js";
import { type BenchResult, resultOf, writeResults } from "./results.js";
import { training } from "./training.js";

const { positionals: asked, values } = parseArgs({
  allowPositionals: true,
  options: {
    gigabytes: { type: "string", default: "1" },
    rounds: { type: "string", default: "7" },
    batches: { type: "string", default: "1000" },
    quick: { type: "boolean", default: false },
  },
});
const gigabytes = Number(values.gigabytes);
if (!(gigabytes >= 0.1 && gigabytes <= 100)) {
  console.error(`--gigabytes takes a number from 0.1 to 100, received "${values.gigabytes}".`);
  process.exit(2);
}
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000) {
  console.error(`--rounds takes a whole number from 1 to 1000, received "${values.rounds}".`);
  process.exit(2);
}
const batches = Number(values.batches);
if (!Number.isInteger(batches) || batches < 10 || batches > 1_000_000) {
  console.error(`--batches takes a whole number from 10 to 1000000, received "${values.batches}".`);
  process.exit(2);
}

const { quick } = values;
const benches: Readonly<Record<string, () => Promise<void>>> = {
  forward: () => forward({ quick }),
  extraction: () => extraction({ quick }),
  int8: () => int8({ quick }),
  "int8-extraction": () => integerExtraction({ quick }),
  hdf5: () => hdf5(quick ? { gigabytes: 0.1, rounds: 1 } : { gigabytes, rounds }),
  logistic: () => logistic({ quick }),
  "keras-files": kerasFiles,
  training: () => training({ rounds: quick ? 3 : rounds, batches, quick }),
};
const unknown = asked.filter((name) => !(name in benches));
if (unknown.length > 0) {
  console.error(`No bench is called "${unknown.join('", "')}". There are: ${Object.keys(benches).join(", ")}.`);
  process.exit(2);
}
console.log(
  `${os.cpus()[0]?.model ?? "unknown processor"}, ${os.availableParallelism()} cores, Node ${process.version}`,
);
const [load = 0] = os.loadavg();
const results: Record<string, BenchResult> = {};
for (const [name, bench] of Object.entries(benches)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const noise = watchNoise(load);
  noise.sample();
  await bench();
  noise.sample();
  const result = resultOf(takeTables(), noise.result());
  console.log(`\n${result.noise.verdict}`);
  results[name] = result;
}
// A quick run shows that everything runs; as evidence it is too short.
if (!quick) await writeResults(results);

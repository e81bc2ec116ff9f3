import os from "node:os";
import { parseArgs } from "node:util";
import { extraction } from "./extraction.js";
import { forward } from "./forward.js";
import { hdf5 } from "./hdf5.js";
import { int8 } from "./int8.js";
import { logistic } from "./logistic.js";

const { positionals: asked, values } = parseArgs({
  allowPositionals: true,
  options: { gigabytes: { type: "string", default: "1" }, rounds: { type: "string", default: "7" } },
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

const benches: Readonly<Record<string, () => Promise<void>>> = {
  forward,
  extraction,
  int8,
  hdf5: () => hdf5({ gigabytes, rounds }),
  logistic,
};
const unknown = asked.filter((name) => !(name in benches));
if (unknown.length > 0) {
  console.error(`No bench is called "${unknown.join('", "')}". There are: ${Object.keys(benches).join(", ")}.`);
  process.exit(2);
}
console.log(
  `${os.cpus()[0]?.model ?? "unknown processor"}, ${os.availableParallelism()} cores, Node ${process.version}`,
);
for (const [name, bench] of Object.entries(benches)) {
  if (asked.length === 0 || asked.includes(name)) await bench();
}

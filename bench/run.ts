import os from "node:os";
import { extraction } from "./extraction.js";
import { forward } from "./forward.js";

const benches: Readonly<Record<string, () => Promise<void>>> = { forward, extraction };

const asked = process.argv.slice(2);
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

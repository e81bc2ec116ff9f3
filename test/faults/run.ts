/**
 * Runs the fault tests: `npm run test:faults -- --kills 200 --mutants 5000`. Everything else goes on to vitest, such as
 * names of files.
 */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";

const rest: string[] = [];
const environment = { ...process.env };
const parameters = process.argv.slice(2);
for (let i = 0; i < parameters.length; i++) {
  const [, kind, value] = /^--(kills|mutants)(?:=(.*))?$/u.exec(parameters[i] as string) ?? [];
  if (kind) environment[`FAULT_${kind.toUpperCase()}`] = value ?? parameters[++i] ?? "";
  // npm takes this away; without npm vitest would take what follows for no names.
  else if (parameters[i] !== "--") rest.push(parameters[i] as string);
}
const vitest = path.join(path.dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const config = path.resolve(import.meta.dirname, "../../vitest.faults.config.ts");
const { status } = spawnSync(process.execPath, [vitest, "run", "--config", config, ...rest], {
  env: environment,
  stdio: "inherit",
});
process.exitCode = status ?? 1;

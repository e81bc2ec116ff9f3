import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = path.dirname(fileURLToPath(import.meta.url));
const python = path.resolve(here, "../.venv/bin/python");
const environment = { ...process.env, TF_CPP_MIN_LOG_LEVEL: "3", CUDA_VISIBLE_DEVICES: "" };

/** Whether the peers are there: `npm run test:python` makes their environment. */
export const hasPython = existsSync(python);

/** Runs a script of this folder and gives the JSON of its last line; `undefined` where Python's environment is missing. */
export async function runPython<T>(script: string, ...parameters: readonly string[]): Promise<T | undefined> {
  if (!hasPython) return undefined;
  const { stdout } = await promisify(execFile)(python, [path.join(here, script), ...parameters], { env: environment });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

/** A script of this folder that answers each line with one line of JSON. */
export interface PythonPeer {
  ask(line: string): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a peer that stays, so that its libraries are loaded once; `undefined` where Python's environment is missing. */
export function startPython(script: string): PythonPeer | undefined {
  if (!hasPython) return undefined;
  const child = spawn(python, [path.join(here, script)], { stdio: ["pipe", "pipe", "pipe"], env: environment });
  let errors = "";
  child.stderr.on("data", (text) => {
    errors = `${errors}${text}`.slice(-4000);
  });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(line) {
      child.stdin.write(`${line}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${script} ended at "${line}":\n${errors}`);
      return JSON.parse(value);
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

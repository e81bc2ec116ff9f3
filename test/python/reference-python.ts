import { execFile, execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = path.dirname(fileURLToPath(import.meta.url));
const environment = path.resolve(here, "../../.venv");
const requirements = path.join(here, "requirements.txt");
const installed = path.join(environment, "installed.txt");

/** Python of the virtual environment that holds the reference stack. */
export const python = path.join(environment, "bin/python");

/** Makes the virtual environment of the reference stack, once for each content of requirements.txt. */
export default function setup(): void {
  const wanted = readFileSync(requirements, "utf8");
  if (existsSync(installed) && readFileSync(installed, "utf8") === wanted) return;
  execFileSync("python3", ["-m", "venv", "--clear", environment], { stdio: "inherit" });
  execFileSync(python, ["-m", "pip", "install", "--quiet", "-r", requirements], { stdio: "inherit" });
  writeFileSync(installed, wanted);
}

/** Runs a Python script of this folder with the reference stack and returns what it printed. */
export function runPython(script: string, ...parameters: readonly string[]): Promise<string> {
  return runPythonOn("tensorflow", script, ...parameters);
}

/** The same with Keras 3 on one of its backends. */
export async function runPythonOn(
  backend: "tensorflow" | "jax",
  script: string,
  ...parameters: readonly string[]
): Promise<string> {
  const { stdout } = await promisify(execFile)(python, [path.join(here, script), ...parameters], {
    env: {
      ...process.env,
      KERAS_BACKEND: backend,
      TF_CPP_MIN_LOG_LEVEL: "3",
      TF_ENABLE_ONEDNN_OPTS: "0",
      CUDA_VISIBLE_DEVICES: "",
    },
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

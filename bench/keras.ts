import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = path.dirname(fileURLToPath(import.meta.url));
const python = path.resolve(here, "../.venv/bin/python");

/** Figures of the same work done by Keras, Pillow and h5py; `undefined` where `npm run test:python` never made its environment. */
export async function kerasPipeline(
  task: "forward" | "extraction",
  ...parameters: readonly string[]
): Promise<Readonly<Record<string, number>> | undefined> {
  if (!existsSync(python)) return undefined;
  const script = path.join(here, "keras_pipeline.py");
  const { stdout } = await promisify(execFile)(python, [script, task, ...parameters], {
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: "3", CUDA_VISIBLE_DEVICES: "" },
  });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}");
}

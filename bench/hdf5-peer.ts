import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = path.dirname(fileURLToPath(import.meta.url));
const python = path.resolve(here, "../.venv/bin/python");

/** Rows per second of the same work done by h5py; `undefined` where `npm run test:python` never made its environment. */
export async function hdf5Peer(
  task: "write" | "read",
  file: string,
  job: { readonly rows: number; readonly width: number },
): Promise<Readonly<Record<string, number>> | undefined> {
  if (!existsSync(python)) return undefined;
  const script = path.join(here, "hdf5_peer.py");
  const { stdout } = await promisify(execFile)(python, [script, task, file, String(job.rows), String(job.width)]);
  return JSON.parse(stdout);
}

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";

const python = path.resolve(import.meta.dirname, "../../../.venv/bin/python");

/** Whether `npm run test:python` has made the environment in which h5py is. */
export const hasH5py = existsSync(python);

/** What h5py finds in a file. */
export interface H5pyContents {
  readonly error?: string;
  readonly datasets?: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly dtype: string; readonly crc32: number }>
  >;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Reads files with h5py, all of them in one process. */
export async function readWithH5py(paths: readonly string[]): Promise<readonly H5pyContents[]> {
  const output = await new Promise<string>((resolve, reject) => {
    const script = path.join(import.meta.dirname, "h5py-reader.py");
    const child = execFile(python, [script], { maxBuffer: 256 * 1024 * 1024 }, (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    );
    child.stdin?.end(paths.map((file) => `${file}\n`).join(""));
  });
  return output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as H5pyContents);
}

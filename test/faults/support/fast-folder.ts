import { constants } from "node:fs";
import { access, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

/** A new folder in memory where the system has such, because these tests write thousands of small files. */
export async function makeFastFolder(): Promise<string> {
  const memory = "/dev/shm";
  const parent = await access(memory, constants.W_OK).then(
    () => memory,
    () => tmpdir(),
  );
  return mkdtemp(path.join(parent, "hdf5-faults-"));
}

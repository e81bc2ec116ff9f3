/**
 * A process that writes a sample run, or goes on with one, to be killed while it does. It prints a line for each step:
 * "ready", "at N" (places done before), "flushed N", "closing", "closed".
 */
import { existsSync, writeSync } from "node:fs";
import { HDF5DatasetWriter } from "../../../src/hdf5-dataset-writer.js";
import { createRandom } from "../../../src/random.js";
import { type SampleRun, writeSampleRun } from "./sample-run.js";

const { path, run, seed } = JSON.parse(process.argv[2] as string) as { path: string; run: SampleRun; seed: number };
const random = createRandom(seed);
const say = (line: string) => writeSync(1, `${line}\n`);

say("ready");
const writer = await HDF5DatasetWriter.create(path, { ...run.options, resume: true });
say(`at ${writer.rowsWritten + writer.rowsSkipped}`);
const checkName = () => {
  if (existsSync(path)) throw new Error("the file has its name before it is complete");
};
await writeSampleRun(run, writer, () => random.double(), {
  flushed: (places) => {
    checkName();
    say(`flushed ${places}`);
  },
  closing: () => {
    checkName();
    say("closing");
  },
});
say("closed");

/** A process that begins a sample run and ends in a way of its own, without ever calling `close`. */
import { HDF5DatasetWriter } from "../../../src/hdf5-dataset-writer.js";
import { addPlaces, type SampleRun } from "./sample-run.js";

const { path, run, how } = JSON.parse(process.argv[2] as string) as { path: string; run: SampleRun; how: string };

const writer = await HDF5DatasetWriter.create(path, run.options);
await addPlaces(run, writer, 0, 20);
await writer.flush();
await addPlaces(run, writer, 20, 25);
if (how === "process.exit") process.exit(0);
if (how === "an exception that nobody catches") throw new Error("on purpose");
if (how === "a loop that ends early") process.exitCode = 0;

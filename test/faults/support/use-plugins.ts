import { readdirSync, readFileSync } from "node:fs";
import { h5wasm } from "../../../src/hdf5/h5wasm.node.js";
import { HDF5DatasetWriter } from "../../../src/hdf5-dataset-writer.js";

/** Asks for plug-ins in the folder and with the file that are named on the command line; prints what came, as JSON. */
const [folder = "", packed = ""] = process.argv.slice(2);
const told = (error: Error) => ({ name: error.name, message: error.message });
const attempt = (action: () => Promise<unknown>) => action().then(() => "done", told);
const results = [
  await attempt(async () => {
    const writer = await HDF5DatasetWriter.create(`${folder}/a.hdf5`, { rowShape: [2], compression: { zstd: 3 } });
    await writer.abort();
  }),
  ...(await Promise.all(
    [packed, readFileSync(packed)].map((source) =>
      attempt(async () => {
        const file = await h5wasm().open(source);
        try {
          await file.read("labels");
          await file.read("zstd");
        } finally {
          await file.close();
        }
      }),
    ),
  )),
  await attempt(async () => {
    const writer = await HDF5DatasetWriter.create(`${folder}/b.hdf5`, { rowShape: [2], compression: { gzip: 1 } });
    await writer.abort();
  }),
];
console.log(JSON.stringify({ results, left: readdirSync(folder) }));

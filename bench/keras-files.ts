import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { createNetwork, saveKeras } from "cnn-transfer";
import { sampleNoise } from "./noise.js";
import { runPython } from "./python.js";
import { compare, type Lane, median, printTable } from "./report.js";
import { inTemporaryFolder } from "./temporary-folder.js";

const run = promisify(execFile);
const library = new URL("../dist/node/index.js", import.meta.url).href;
interface Reading {
  readonly seconds: number;
  /** How much the process has grown at most. */
  readonly bytes: number;
}

/** Reading a Keras model of VGG16 without top, 59 MB, each time in a process of its own, beside Keras and plain reading, in turns. */
export async function kerasFiles({ quick }: { readonly quick: boolean }): Promise<void> {
  const rounds = quick ? 1 : 7;
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "vgg16.h5");
    await saveKeras(await createNetwork("vgg16", { weights: "random" }), file);
    const { size } = await stat(file);
    const readings = { plain: [] as Reading[], ours: [] as Reading[], keras: [] as Reading[] };
    for (let round = 0; round < rounds; round++) {
      sampleNoise();
      readings.plain.push(await readWith("await readFile(file)", file));
      readings.ours.push(await readWith("await loadKeras(file)", file));
      const keras = await runPython<Reading>("keras_files_peer.py", file);
      if (keras) readings.keras.push(keras);
    }
    const lane = (what: string, role: Lane["role"], all: readonly Reading[]): Lane => ({
      what,
      role,
      figures: all.map(({ seconds }) => 1000 * seconds),
      note: `memory grows by ${(median(all.map(({ bytes }) => bytes)) / size).toFixed(2)} x the file at most`,
    });
    printTable(
      `VGG16 without top, reading ${(size / 1e6).toFixed(0)} MB of Keras .h5 from the system's memory, medians of ${rounds} rounds`,
      compare(
        [
          lane("limit: fs.readFile", "limit", readings.plain),
          lane("loadKeras", "ours", readings.ours),
          lane("keras.models.load_model", "peer", readings.keras),
        ],
        { name: "ms", faster: "less" },
      ),
    );
  });
}

/** Evaluates an expression of `file` in a process of its own. */
async function readWith(expression: string, file: string): Promise<Reading> {
  const code = `
    import { readFileSync } from "node:fs";
    import { readFile } from "node:fs/promises";
    import { loadKeras } from ${JSON.stringify(library)};
    const file = ${JSON.stringify(file)};
    // What the system calls a process's peak of resources includes that of the process that started it; this does not.
    const peak = () => Number(/VmHWM:\\s+(\\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
    const before = process.memoryUsage().rss;
    const start = performance.now();
    ${expression};
    const seconds = (performance.now() - start) / 1000;
    console.log(JSON.stringify({ seconds, bytes: peak() - before }));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", code]);
  return JSON.parse(stdout);
}

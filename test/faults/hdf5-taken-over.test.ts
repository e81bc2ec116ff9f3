import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { createRandom } from "../../src/random.js";
import { type BundledScript, bundleScript } from "./support/bundled-script.js";
import { makeFastFolder } from "./support/fast-folder.js";
import { faultCount } from "./support/fault-count.js";

const times = faultCount("kills");
const rows = 2000;

let folder: string;
let script: BundledScript;
beforeAll(async () => {
  folder = await makeFastFolder();
  script = await bundleScript("write-marked-rows");
});
afterAll(async () => {
  await script?.remove();
  await rm(folder, { recursive: true, force: true });
});

interface Writer {
  readonly process: ChildProcess;
  readonly lines: string[];
  errors: string;
  readonly ended: Promise<void>;
}

function startWriter(
  file: string,
  mark: number,
  host: string,
  compression: { readonly gzip: number } | undefined,
): Writer {
  const child = spawn(process.execPath, [script.path, JSON.stringify({ path: file, rows, mark, host, compression })]);
  const lines: string[] = [];
  const output = createInterface(child.stdout).on("line", (line) => lines.push(line));
  const ended = Promise.all([once(child, "close"), once(output, "close")]).then(() => undefined);
  const writer: Writer = { process: child, lines, errors: "", ended };
  child.stderr.on("data", (text) => {
    writer.errors += text;
  });
  return writer;
}

/** Waits until a writer has printed so many lines, or has ended. */
async function untilLines(writer: Writer, count: number): Promise<void> {
  while (writer.lines.length < count && writer.process.exitCode === null && writer.process.signalCode === null)
    await setTimeout(1);
}

test.skipIf(process.platform === "win32")(
  `a writer whose file another machine takes over while it stands still (${times} times) stops with an error, and has no part in what the other writes`,
  async () => {
    const random = createRandom(3);
    let takenOver = 0;
    for (let attempt = 0; takenOver < times && attempt < 3 * times; attempt++) {
      const place = path.join(folder, String(attempt));
      await mkdir(place);
      const file = path.join(place, "features.hdf5");
      const compression = attempt % 4 === 3 ? { gzip: 1 } : undefined;
      const first = startWriter(file, 1, "one", compression);
      await untilLines(first, 1 + random.integerBelow(280));
      await setTimeout(random.double() * 3);
      first.process.kill("SIGSTOP");
      const second = startWriter(file, 2, "two", compression);
      // The first one goes on before the second has looked at its file, while it writes, or when it has ended.
      if (random.integerBelow(4) > 0) await Promise.race([untilLines(second, random.integerBelow(300)), second.ended]);
      else await second.ended;
      first.process.kill("SIGCONT");
      await Promise.all([first.ended, second.ended]);
      const label = `attempt ${attempt}: ${first.errors}${second.errors}`;
      const [ofFirst, ofSecond] = [first.lines.at(-1), second.lines.at(-1)];
      if (ofFirst === "closed") {
        // It was done before anybody came.
        expect(ofSecond, label).toBe("stopped exists");
        continue;
      }
      takenOver++;
      expect([ofFirst, ofSecond], label).toEqual(["stopped locked", "closed"]);
      expect(await readdir(place), label).toEqual(["features.hdf5"]);
      const begun = Number(second.lines[0]?.split(" ")[1]);
      await using data = await HDF5DatasetGenerator.open(file, { batchSize: 100 });
      await data.verify();
      let row = 0;
      for await (const { xs, ys } of data.batches()) {
        for (let i = 0; i < (xs.shape[0] as number); i++, row++) {
          const mark = row < begun ? 1 : 2;
          expect([xs.data[64 * i], xs.data[64 * i + 63], ys.data[i]], label).toEqual([mark, row, mark]);
        }
      }
      expect(row, label).toBe(rows);
    }
    expect(takenOver).toBe(times);
  },
  60_000 + times * 10_000,
);

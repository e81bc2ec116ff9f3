import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createRandom, HDF5DatasetGenerator, HDF5DatasetWriter, LogisticRegression } from "cnn-transfer";
import { printTable, type Row } from "./report.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const python = path.resolve(here, "../.venv/bin/python");
const classes = 3;
const iterations = 20;
/** Pooled features of many pictures, and unpooled ones of few: some 40 and 100 MB. */
const sizes = [
  { rows: 20_000, width: 512 },
  { rows: 1_000, width: 25_088 },
];

/** The same twenty iterations of logistic regression here, from memory and from the file in each pass, and in scikit-learn. */
export async function logistic({ quick }: { readonly quick: boolean }): Promise<void> {
  const folder = await mkdtemp(path.join(os.tmpdir(), "cnn-transfer-bench-"));
  try {
    for (const size of quick ? sizes.slice(1) : sizes) await oneSize(path.join(folder, `${size.width}.hdf5`), size);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function oneSize(file: string, { rows, width }: (typeof sizes)[number]): Promise<void> {
  await writeFeatures(file, rows, width);
  await using data = await HDF5DatasetGenerator.open(file, { batchSize: Math.ceil(2 ** 22 / (4 * width)) });
  const timed = async (cacheBytes: number) => {
    const start = performance.now();
    const model = await LogisticRegression.fit(data, { C: 0.1, tol: 0, maxIter: iterations, cacheBytes });
    return { seconds: (performance.now() - start) / 1000, model };
  };
  const streamed = await timed(0);
  const kept = await timed(2 ** 30);
  const lines: [string, number][] = [
    ["LogisticRegression, rows in memory", kept.seconds],
    ["LogisticRegression, rows from the file in each pass", streamed.seconds],
  ];
  let peer: number | undefined;
  if (existsSync(python)) {
    const { stdout } = await promisify(execFile)(python, [
      path.join(here, "logistic_peer.py"),
      file,
      String(iterations),
    ]);
    const result = JSON.parse(stdout);
    const ours = kept.model.coefficients.data[0] as number;
    if (result.iterations !== iterations || Math.abs(result.coefficient - ours) > 1e-6 * Math.abs(ours)) {
      throw new Error(`the two did not compute the same: ${result.coefficient} and ${ours}`);
    }
    peer = result.load + result.fit;
    lines.push(["scikit-learn in 64 bits, with loading", result.load + result.fit]);
  }
  printTable(
    `Logistic regression, ${iterations} iterations on ${rows} x ${width} features, ${classes} classes`,
    lines.map(
      ([what, seconds]): Row => ({
        what,
        figure: `${seconds.toFixed(2)} s`,
        ...(peer ? { ratio: (seconds / peer).toFixed(2) } : {}),
      }),
    ),
  );
}

async function writeFeatures(file: string, rows: number, width: number): Promise<void> {
  const random = createRandom(1);
  const classLabels = Array.from({ length: classes }, (_, label) => `class ${label}`);
  await using writer = await HDF5DatasetWriter.create(file, { rows, rowShape: [width], classLabels });
  const batch = 100;
  for (let start = 0; start < rows; start += batch) {
    const labels = Int32Array.from({ length: batch }, () => random.integerBelow(classes));
    const data = Float32Array.from({ length: batch * width }, (_, at) => {
      const raised = (at % width) % classes === labels[Math.floor(at / width)];
      return random.double() * 4 + (raised ? 0.2 : 0);
    });
    await writer.add({ dtype: "float32", shape: [batch, width], data }, labels);
  }
  await writer.close();
}

import path from "node:path";
import { createRandom, HDF5DatasetGenerator, HDF5DatasetWriter, LogisticRegression } from "cnn-transfer";
import type { PeakMeter } from "./peak.js";
import { runPython } from "./python.js";
import { compare, inTurns, printTable } from "./report.js";
import { inTemporaryFolder } from "./temporary-folder.js";

const classes = 3;
const iterations = 20;
/** Pooled features of many pictures, and unpooled ones of few: some 40 and 100 MB. */
const sizes = [
  { rows: 20_000, width: 512 },
  { rows: 1_000, width: 25_088 },
];

interface LogisticOptions {
  readonly quick: boolean;
  readonly peak: PeakMeter;
}

/** The same twenty iterations of logistic regression here, from memory and from the file in each pass, and in scikit-learn. */
export async function logistic(options: LogisticOptions): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    for (const size of options.quick ? sizes.slice(0, 1) : sizes) {
      await oneSize(path.join(folder, `${size.width}.hdf5`), size, options);
    }
  });
}

interface PeerFit {
  readonly seconds: number;
  readonly iterations: number;
  readonly coefficient: number;
}

async function oneSize(
  file: string,
  { rows, width }: (typeof sizes)[number],
  { quick, peak }: LogisticOptions,
): Promise<void> {
  const rounds = quick ? 1 : 5;
  await writeFeatures(file, rows, width);
  await using data = await HDF5DatasetGenerator.open(file, { batchSize: Math.ceil(2 ** 22 / (4 * width)) });
  let coefficient = Number.NaN;
  const fitOnce = async (cacheBytes: number): Promise<number> => {
    const start = performance.now();
    const model = await LogisticRegression.fit(data, { C: 0.1, tol: 0, maxIter: iterations, cacheBytes });
    coefficient = model.coefficients.data[0] as number;
    return (performance.now() - start) / 1000;
  };
  const single: number[] = [];
  const peer = async (): Promise<number> => {
    const fits = await runPython<Readonly<Record<"float64" | "float32", PeerFit>>>(
      "logistic_peer.py",
      file,
      String(iterations),
    );
    if (!fits) return Number.NaN;
    const { float64, float32 } = fits;
    if (float64.iterations !== iterations || !(Math.abs(float64.coefficient / coefficient - 1) < 1e-6)) {
      throw new Error(`the two did not compute the same: ${float64.coefficient} and ${coefficient}`);
    }
    single.push(float32.seconds);
    return float64.seconds;
  };
  // Before the peer is compared with it, and to let the compiler do its work.
  await fitOnce(2 ** 30);
  const gigabytes = ((iterations + 1) * 4 * rows * width) / 1e9;
  const [limit = [], kept = [], streamed = [], double = []] = await inTurns(rounds, [
    async () => gigabytes / (await peak.gigabytesPerSecond()),
    () => fitOnce(2 ** 30),
    () => fitOnce(0),
    peer,
  ]);
  printTable(
    `Logistic regression, ${iterations} iterations on ${rows} x ${width} features, ${classes} classes, medians of ${rounds} rounds`,
    compare(
      [
        {
          what: "limit: the rows once per iteration, at the speed of copying memory",
          role: "limit",
          figures: limit,
        },
        { what: "LogisticRegression, rows in memory", role: "ours", figures: kept },
        { what: "LogisticRegression, rows from the file in each pass", role: "ours", figures: streamed },
        { what: "scikit-learn in 64 bits", role: "peer", figures: double.filter(Number.isFinite) },
        { what: "scikit-learn in 32 bits", role: "peer", figures: single },
      ],
      { name: "s", faster: "less" },
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

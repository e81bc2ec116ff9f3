import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import type { TrainableBackend } from "../../src/backends/trainable-backend.js";
import { weightsChecksum } from "../../src/network/weights-checksum.js";
import type { FitOptions } from "../../src/training/fit-options.js";
import type { TransferHeadOptions } from "../../src/training/head-options.js";
import type { TrainingBatch, TrainingData } from "../../src/training/training-data.js";
import { TransferHead } from "../../src/transfer-head.js";
import { rowsData, separableData } from "../support/separable-data.js";
import { mountSmallDisk, type SmallDisk } from "./support/small-disk.js";

const classLabels = ["class 0", "class 1", "class 2"];
const width = 6;
const train = separableData(40, [width], 3, 8);
const validation = separableData(12, [width], 3, 8, 9);

const create = (more: Partial<TransferHeadOptions> = {}) =>
  TransferHead.create({ inputShape: [width], classLabels, hidden: [8], dropout: 0.3, backend: tfjsWasm(), ...more });

const disk: SmallDisk | undefined = await mountSmallDisk(4);
afterAll(() => disk?.remove());
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "disturbed-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Files of a training in a folder. */
const filesIn = (place: string) =>
  ({
    checkpoint: { path: path.join(place, "training.checkpoint.h5"), resume: true },
    history: { path: path.join(place, "history.json") },
    saveBest: { path: path.join(place, "best.h5"), monitor: "loss" },
  }) satisfies FitOptions;

async function undisturbed(epochs: number): Promise<string> {
  await using head = await create();
  await head.fit(train, { epochs, validation });
  return weightsChecksum(await head.network());
}

describe.skipIf(disk === undefined)(
  "a disk that refuses while a training writes its files (skipped where no disk may be mounted)",
  () => {
    test.each<readonly [string, string, (small: SmallDisk) => void, (small: SmallDisk) => void]>([
      ["is full", "disk-full", (small) => small.fill(), (small) => small.free()],
      [
        "lets nothing be written",
        "not-permitted",
        (small) => small.setReadOnly(true),
        (small) => small.setReadOnly(false),
      ],
    ])(
      "and %s: the last checkpoint stays, nothing half written does, and the training goes on from there",
      async (_, reason, refuse, allow) => {
        const small = disk as SmallDisk;
        const place = await mkdtemp(path.join(small.folder, "training-"));
        const files = filesIn(place);
        const names = ["best.h5", "history.json", "training.checkpoint.h5"];
        await using head = await create();
        let kept: readonly Buffer[] = [];
        const onEpochEnd = async ({ epoch }: { readonly epoch: number }) => {
          if (epoch !== 3) return;
          kept = await Promise.all(names.map((name) => readFile(path.join(place, name))));
          refuse(small);
        };
        const failed = head.fit(train, { epochs: 5, validation, ...files, callbacks: [{ onEpochEnd }] });
        await expect(failed).rejects.toMatchObject({ name: "FileAccessError", reason });
        allow(small);
        expect((await readdir(place)).sort()).toEqual(names);
        expect(await Promise.all(names.map((name) => readFile(path.join(place, name))))).toEqual(kept);
        await using again = await create();
        await again.fit(train, { epochs: 5, validation, ...files });
        expect(weightsChecksum(await again.network())).toBe(await undisturbed(5));
        expect(again.history.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5]);
      },
    );
  },
);

/** Data that says how many of its iterations are under way, and calls `onBatch` before each batch. */
function watched(data: TrainingData, onBatch: (batch: number, pass: number) => void) {
  const state = { open: 0, passes: 0 };
  const rows: TrainingData = {
    length: data.length,
    rowShape: data.rowShape,
    classLabels: data.classLabels,
    async *[Symbol.asyncIterator](): AsyncGenerator<TrainingBatch> {
      const pass = state.passes++;
      state.open++;
      try {
        let batch = 0;
        for await (const each of data) {
          onBatch(batch++, pass);
          yield each;
        }
      } finally {
        state.open--;
      }
    },
  };
  return { rows, state };
}

function threads(): number {
  const report = process.report?.getReport() as unknown as { readonly workers: readonly unknown[] };
  return report.workers.length;
}

type Phase =
  | "before it begins"
  | "counting classes"
  | "first batch"
  | "validation"
  | "last batch of validation"
  | "writing a checkpoint";
const phases: readonly Phase[] = [
  "before it begins",
  "counting classes",
  "first batch",
  "validation",
  "last batch of validation",
  "writing a checkpoint",
];

describe("a training that is aborted", () => {
  test.each(phases.flatMap((phase) => [tfjsWasm, onnx].map((backend) => [phase, backend.name, backend] as const)))(
    "while %s (%s) ends with the signal's reason, ends its data, and leaves no thread and no half-written file",
    async (phase, _, backend) => {
      const before = threads();
      const controller = new AbortController();
      const reason = new Error("enough");
      const abort = () => controller.abort(reason);
      if (phase === "before it begins") abort();
      const rows = watched(train, (batch, pass) => {
        // Pass 0 counts the classes.
        if (phase === "counting classes" && pass === 0 && batch === 1) abort();
        if (phase === "first batch" && pass === 1 && batch === 0) abort();
      });
      const others = watched(validation, (batch) => {
        if (batch === 0 ? phase === "validation" : phase === "last batch of validation") abort();
      });
      const onEpochEnd = ({ epoch }: { readonly epoch: number }) => {
        if (phase === "writing a checkpoint" && epoch === 2) setImmediate(abort);
      };
      {
        await using head = await create({ backend: backend() as TrainableBackend });
        const fit = { epochs: 50, classWeight: "balanced", validation: others.rows, ...filesIn(folder) } as const;
        await expect(
          head.fit(rows.rows, { ...fit, signal: controller.signal, callbacks: [{ onEpochEnd }] }),
        ).rejects.toBe(reason);
        expect([rows.state.open, others.state.open]).toEqual([0, 0]);
        const written = phase === "writing a checkpoint" ? ["best.h5", "history.json", "training.checkpoint.h5"] : [];
        expect((await readdir(folder)).sort()).toEqual(written);
        // The head is of use as before.
        expect(await head.fit(train, { epochs: 1 })).toHaveLength(1);
      }
      await expect.poll(threads).toBe(before);
    },
  );
});

describe("data that fails in the middle", () => {
  test.each(["train", "validation"] as const)(
    "(%s) fails the training with its own error, and is closed",
    async (which) => {
      const failure = new Error("the network drive is gone");
      const data = watched(which === "train" ? train : validation, (batch) => {
        if (batch === 1) throw failure;
      });
      await using head = await create();
      await expect(
        head.fit(which === "train" ? data.rows : train, {
          epochs: 2,
          ...(which === "validation" ? { validation: data.rows } : {}),
          ...filesIn(folder),
        }),
      ).rejects.toBe(failure);
      expect(data.state.open).toBe(0);
      expect(await readdir(folder)).toEqual([]);
      expect(await head.fit(train, { epochs: 1 })).toHaveLength(1);
    },
  );

  test("(a row with NaN in a later epoch) is named, and the checkpoint before it is kept", async () => {
    const broken = { ...train, xs: train.xs.slice() };
    const rows = rowsData(broken.xs, train.ys, [width], classLabels, 8);
    await using head = await create();
    const onEpochEnd = ({ epoch }: { readonly epoch: number }) => {
      if (epoch === 1) broken.xs[17 * width + 2] = Number.NaN;
    };
    await expect(head.fit(rows, { epochs: 3, ...filesIn(folder), callbacks: [{ onEpochEnd }] })).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(/Row 17 /),
    });
    expect(JSON.parse(await readFile(path.join(folder, "history.json"), "utf8")).loss).toHaveLength(1);
    expect((await readdir(folder)).sort()).toEqual(["best.h5", "history.json", "training.checkpoint.h5"]);
  });
});

/** The same rows in batches of these sizes. */
function batchesOf(sizes: readonly number[]): TrainingData {
  return {
    length: train.length,
    rowShape: [width],
    classLabels,
    async *[Symbol.asyncIterator]() {
      let start = 0;
      for (const size of sizes) {
        const end = start + size;
        yield {
          xs: { dtype: "float32", shape: [size, width], data: train.xs.slice(start * width, end * width) },
          ys: { dtype: "int32", shape: [size], data: train.ys.slice(start, end) },
        };
        start = end;
      }
    },
  };
}

async function weightsAfter(
  backend: TrainableBackend,
  data: TrainingData,
  fit: FitOptions,
): Promise<readonly number[]> {
  await using head = await create({ backend, dropout: 0, batchNormalization: true });
  await head.fit(data, fit);
  return [...(await head.network()).weights].flatMap(([, list]) => list.flatMap(({ array }) => [...array.data]));
}

describe("batches of sizes that vary", () => {
  test.each([
    ["growing and shrinking", [8, 3, 16, 1, 12]],
    ["with a last one of a single row", [13, 13, 13, 1]],
    ["of single rows", Array.from({ length: 40 }, () => 1)],
  ])("%s train the same weights on every backend", async (_, sizes) => {
    const data = batchesOf(sizes);
    const expected = await weightsAfter(tfjsCpu(), data, { epochs: 2 });
    expect(expected.every(Number.isFinite)).toBe(true);
    for (const backend of [tfjsWasm(), onnx()]) {
      const weights = await weightsAfter(backend, data, { epochs: 2 });
      const difference = Math.max(...weights.map((weight, at) => Math.abs(weight - (expected[at] ?? Number.NaN))));
      expect(difference, backend.name).toBeLessThan(2e-4);
    }
  });
});

describe("a checkpoint of another backend", () => {
  const backends = { tfjsWasm, onnx } as const;
  let whole: readonly number[];
  beforeAll(async () => {
    whole = await weightsAfter(tfjsWasm(), train, { epochs: 4 });
  });

  test.each([
    ["tfjsWasm", "onnx"],
    ["onnx", "tfjsWasm"],
  ] as const)(
    "is gone on from (%s, then %s), in the weights of one that was never stopped within rounding",
    async (first, second) => {
      const { checkpoint } = filesIn(folder);
      await weightsAfter(backends[first](), train, { epochs: 2, checkpoint });
      const resumed = await weightsAfter(backends[second](), train, { epochs: 4, checkpoint });
      const difference = Math.max(...resumed.map((weight, at) => Math.abs(weight - (whole[at] ?? Number.NaN))));
      expect(difference).toBeLessThan(2e-4);
    },
  );
});

test("a single class is refused before there is a head", async () => {
  await expect(create({ classLabels: ["only"] })).rejects.toMatchObject({
    name: "InvalidArgumentError",
    message: expect.stringMatching(/`classLabels` is \["only"\]: expected the names of at least two classes/),
  });
});

test("a folder in the place of a file is found before the first batch", async () => {
  const { checkpoint, ...others } = filesIn(folder);
  await mkdir(others.saveBest.path);
  await writeFile(path.join(folder, "other"), "");
  await using head = await create();
  await expect(head.fit(train, { ...others, checkpoint })).rejects.toMatchObject({ name: "FileAccessError" });
  expect((await readdir(folder)).sort()).toEqual(["best.h5", "other"]);
});

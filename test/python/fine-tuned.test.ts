import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import type { Task } from "../../src/training/target.js";
import { TransferModel } from "../../src/transfer-model.js";
import { colouredPictures, colours } from "../support/coloured-pictures.js";
import { runPython } from "./reference-python.js";

interface Result {
  readonly error: number;
  readonly layers: readonly string[];
  readonly frozen: readonly string[];
  readonly unchanged: readonly string[];
  readonly loss: number;
  /** The figure beside the loss. */
  readonly figure: number;
  readonly history: readonly number[];
  readonly optimizer: string;
  readonly learningRate: number;
}

const vggMini = { backbone: "vgg-mini", weights: "imagenet", mode: "caffe", from: "block5_conv1" } as const;
const mobilenet = { backbone: "mobilenet", weights: "random", mode: "tf", from: "conv_pw_13" } as const;
const models: readonly ((typeof vggMini | typeof mobilenet) & {
  readonly task: Task;
  readonly classLabels: readonly string[];
  readonly labelSmoothing?: number;
})[] = [
  { ...vggMini, task: "classification", classLabels: colours, labelSmoothing: 0.1 },
  { ...mobilenet, task: "classification", classLabels: colours },
  { ...vggMini, task: "multi-label", classLabels: ["red or green", "not red"], labelSmoothing: 0.2 },
  { ...vggMini, task: "regression", classLabels: ["redness", "number"] },
];

/** What pictures of a class are to give, as Keras takes it. */
const targetsOf: Readonly<Record<Task, readonly (readonly number[])[]>> = {
  classification: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  "multi-label": [
    [0, 1],
    [1, 1],
    [1, 0],
  ],
  regression: [
    [-0.5, 1],
    [0, 2],
    [1.5, 0.5],
  ],
};

test("Keras opens fine-tuned models with equal predictions and losses, frozen where they were, and goes on with them", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "fine-tuned-"));
  try {
    const imageSize = [32, 32] as const;
    const pictures = colouredPictures(24, imageSize);
    const pixels = pictures.images.map(({ image }) => (image as { readonly data: Uint8Array }).data);
    const jobs: object[] = [];
    const ours: {
      readonly frozen: readonly string[];
      readonly layers: readonly string[];
      readonly loss: number;
      readonly figure: number;
    }[] = [];
    for (const [index, { mode, from, ...options }] of models.entries()) {
      const { task } = options;
      const targets = Array.from(pictures.labels, (label) => targetsOf[task][label] ?? []).flat();
      const shape = [24, targets.length / 24];
      const train = pictures.withColumns({
        targets: { dtype: "float64", shape, data: Float64Array.from(targets) },
      });
      const targetColumn = task === "classification" ? undefined : "targets";
      await using model = await TransferModel.create<Task>({
        ...options,
        imageSize,
        backend: tfjsWasm(),
      });
      await model.fit(train, { epochs: 2, batchSize: 8, targetColumn });
      model.unfreeze({ from, optimizer: "rmsprop" });
      await model.fit(train, { epochs: 1, batchSize: 8, learningRate: 1e-4, targetColumn });
      const { data } = await model.predict(train);
      const network = model.network();
      const report = await model.evaluate(train, { targetColumn });
      const figure = "meanAbsoluteError" in report ? report.meanAbsoluteError : report.accuracy;
      const layers = network.layers.map(({ name }) => name);
      ours.push({ frozen: model.frozen, layers, loss: report.loss, figure });
      for (const extension of ["h5", "keras"]) {
        const file = path.join(folder, `${index}.${extension}`);
        await model.save(file);
        jobs.push({
          file,
          mode,
          pixels: Buffer.concat(pixels).toString("base64"),
          shape: [24, 32, 32, 3],
          predictions: Array.from(data),
          targets,
        });
      }
    }
    const list = path.join(folder, "jobs.json");
    await writeFile(list, JSON.stringify(jobs));
    // Keras writes notes of its own before the last line.
    const printed = (await runPython("fine_tuned.py", list)).trim().split("\n").at(-1) ?? "";
    const results = JSON.parse(printed) as Result[];
    expect(results).toHaveLength(8);
    for (const [index, result] of results.entries()) {
      const own = ours[Math.floor(index / 2)];
      expect(result.error).toBeLessThan(1e-5);
      expect(result.layers).toEqual(own?.layers);
      expect(result.frozen).toEqual(own?.frozen);
      expect(result.unchanged).toEqual(own?.frozen);
      expect(result.loss).toBeCloseTo(own?.loss ?? Number.NaN, 4);
      expect(result.figure).toBeCloseTo(own?.figure ?? Number.NaN, 4);
      expect([result.optimizer, result.learningRate]).toEqual(["RMSprop", expect.closeTo(1e-4, 9)]);
      expect(result.history.at(-1)).toBeLessThan(result.history[0] as number);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 300_000);

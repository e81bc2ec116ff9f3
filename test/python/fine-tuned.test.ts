import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { TransferModel } from "../../src/transfer-model.js";
import { colouredPictures, colours } from "../support/coloured-pictures.js";
import { runPython } from "./reference-python.js";

interface Result {
  readonly error: number;
  readonly layers: readonly string[];
  readonly frozen: readonly string[];
  readonly unchanged: readonly string[];
  readonly loss: number;
  readonly history: readonly number[];
  readonly optimizer: string;
  readonly learningRate: number;
}

const models = [
  { backbone: "vgg-mini", weights: "imagenet", mode: "caffe", from: "block5_conv1" },
  { backbone: "mobilenet", weights: "random", mode: "tf", from: "conv_pw_13" },
] as const;

test("Keras opens fine-tuned models with equal predictions and losses, frozen where they were, and goes on with them", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "fine-tuned-"));
  try {
    const imageSize = [32, 32] as const;
    const train = colouredPictures(24, imageSize);
    const pixels = train.images.map(({ image }) => (image as { readonly data: Uint8Array }).data);
    const jobs: object[] = [];
    const ours: { readonly frozen: readonly string[]; readonly layers: readonly string[]; readonly loss: number }[] =
      [];
    for (const { mode, from, ...options } of models) {
      await using model = await TransferModel.create({
        ...options,
        imageSize,
        classLabels: colours,
        backend: tfjsWasm(),
      });
      await model.fit(train, { epochs: 2, batchSize: 8 });
      model.unfreeze({ from, optimizer: "rmsprop" });
      await model.fit(train, { epochs: 1, batchSize: 8, learningRate: 1e-4 });
      const { data } = await model.predict(train);
      const network = model.network();
      const { loss } = await model.evaluate(train);
      ours.push({ frozen: model.frozen, layers: network.layers.map(({ name }) => name), loss });
      for (const extension of ["h5", "keras"]) {
        const file = path.join(folder, `${options.backbone}.${extension}`);
        await model.save(file);
        jobs.push({
          file,
          mode,
          pixels: Buffer.concat(pixels).toString("base64"),
          shape: [24, 32, 32, 3],
          predictions: Array.from(data),
          classes: Array.from(train.labels),
        });
      }
    }
    const list = path.join(folder, "jobs.json");
    await writeFile(list, JSON.stringify(jobs));
    // Keras writes notes of its own before the last line.
    const printed = (await runPython("fine_tuned.py", list)).trim().split("\n").at(-1) ?? "";
    const results = JSON.parse(printed) as Result[];
    expect(results).toHaveLength(4);
    for (const [index, result] of results.entries()) {
      const own = ours[Math.floor(index / 2)];
      expect(result.error).toBeLessThan(1e-5);
      expect(result.layers).toEqual(own?.layers);
      expect(result.frozen).toEqual(own?.frozen);
      expect(result.unchanged).toEqual(own?.frozen);
      expect(result.loss).toBeCloseTo(own?.loss ?? Number.NaN, 4);
      expect([result.optimizer, result.learningRate]).toEqual(["RMSprop", expect.closeTo(1e-4, 9)]);
      expect(result.history.at(-1)).toBeLessThan(result.history[0] as number);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 300_000);

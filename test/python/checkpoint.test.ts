import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { TransferHead } from "../../src/transfer-head.js";
import { separableData } from "../support/separable-data.js";
import { runPython } from "./reference-python.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "checkpoint-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Contents {
  readonly arrays: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: readonly number[] }>>;
  readonly description: { readonly step: number; readonly fit: { readonly history: readonly object[] } };
}

test("h5py reads a checkpoint: weights, the optimizer's values, the best weights and the history", async () => {
  const file = path.join(folder, "training.checkpoint.h5");
  const data = separableData(64, [6], 3, 16);
  await using head = await TransferHead.create({
    inputShape: [6],
    classLabels: ["class 0", "class 1", "class 2"],
    hidden: [4],
    optimizer: { name: "rmsprop", momentum: 0.9, centered: true },
    backend: tfjsWasm(),
  });
  const earlyStopping = { monitor: "loss", patience: 9, restoreBest: true } as const;
  const history = await head.fit(data, { epochs: 2, earlyStopping, checkpoint: { path: file } });
  const { arrays, description } = JSON.parse(await runPython("checkpoint.py", file)) as Contents;
  const weights = ["hidden_1/kernel", "hidden_1/bias", "predictions/kernel", "predictions/bias"];
  const groups = ["weights", "best_weights", "slots/average_gradient", "slots/momentum", "slots/velocity"];
  expect(Object.keys(arrays).sort()).toEqual(
    groups.flatMap((group) => weights.map((name) => `${group}/${name}`)).sort(),
  );
  const kernel = (await head.network()).weights.get("hidden_1")?.[0]?.array;
  expect(arrays["weights/hidden_1/kernel"]).toEqual({ shape: kernel?.shape, data: [...(kernel?.data ?? [])] });
  expect(description.step).toBe(8);
  expect(description.fit.history).toEqual(history);
});

import { describe, expect, test } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import type { TrainableBackend } from "../../src/backends/trainable-backend.js";
import type { Layer } from "../../src/network/layer.js";
import type { Network } from "../../src/network/network.js";
import { allFinite } from "../../src/training/all-finite.js";
import { TransferHead } from "../../src/transfer-head.js";
import { headNetwork } from "../support/head-network.js";
import { headTraining } from "../support/head-training.js";
import { rowsData, separableRows } from "../support/separable-data.js";
import { anyWebgpu, webgpuHint, webgpuStarts } from "../support/webgpu.js";

const backends: readonly { readonly name: string; readonly run: boolean; readonly backend: () => TrainableBackend }[] =
  [
    { name: "onnx", run: true, backend: onnx },
    { name: "tfjs-wasm", run: true, backend: tfjsWasm },
    { name: `tfjs-webgpu${webgpuHint}`, run: webgpuStarts, backend: anyWebgpu },
  ];

/** Its activation makes a number of NaN on some backends, so that the loss is one as well. */
function clippingNetwork(): Network {
  const { network } = headNetwork({ dropout: 0 });
  const layers = network.layers.map((layer) =>
    layer.className === "Dense" && layer.name === "hidden"
      ? { ...layer, config: { ...layer.config, activation: "relu6" } }
      : layer,
  ) as readonly Layer[];
  return { ...network, layers };
}

const classLabels = ["a", "b", "c"];

describe.each(backends)("training that diverges behind relu6, on $name,", ({ run, backend }) => {
  test.runIf(run)("is found by the end of the epoch, and the head is as it was", async () => {
    const { xs, ys } = separableRows(30, [20], 3, 1);
    const optimizer = { name: "sgd", learningRate: 1e38 } as const;
    const head = await TransferHead.fromNetwork(clippingNetwork(), { classLabels, backend: backend(), optimizer });
    const before = (await head.network()).weights;
    await expect(head.fit(rowsData(xs, ys, [20], classLabels, 10), { epochs: 3 })).rejects.toMatchObject({
      name: "TrainingDivergedError",
      message: expect.stringMatching(/epoch 1: .*not a finite number/),
    });
    expect((await head.network()).weights).toEqual(before);
    await head.close();
  });

  test.runIf(run)("from a NaN in a batch, shows in the loss or in the weights", async () => {
    const { xs, ys } = headNetwork();
    const network = await backend().loadForTraining(clippingNetwork(), headTraining);
    xs.data[0] = Number.NaN;
    const { loss } = await network.step(xs, ys);
    const weights = [...(await network.readWeights()).values()].flat();
    expect(Number.isFinite(loss) && weights.every(({ array }) => allFinite(array.data))).toBe(false);
    await network.dispose();
  });
});

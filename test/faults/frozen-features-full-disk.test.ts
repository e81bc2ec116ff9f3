import { readdir } from "node:fs/promises";
import { afterAll, describe, expect, test } from "vitest";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { TransferModel } from "../../src/transfer-model.js";
import { colouredPictures, colours } from "../support/coloured-pictures.js";
import { mountSmallDisk } from "./support/small-disk.js";

const disk = await mountSmallDisk(1);
afterAll(() => disk?.remove());

describe.skipIf(!disk)("a full disk for temporary files (skipped where no file system can be mounted)", () => {
  test("ends a fit that keeps the frozen part's values there with an error that says how to do without; then it trains", async () => {
    const { folder, fill, free } = disk ?? { folder: "", fill: () => {}, free: () => {} };
    const before = process.env.TMPDIR;
    process.env.TMPDIR = folder;
    try {
      const imageSize = [32, 32] as const;
      const backend = tfjsWasm();
      await using model = await TransferModel.create({
        backbone: "vgg-mini",
        imageSize,
        classLabels: colours,
        backend,
      });
      const train = colouredPictures(24, imageSize, 1);
      const options = { epochs: 2, batchSize: 8, frozenBackend: backend };
      // Room for the folder, and not for the values.
      fill(8192);
      await expect(model.fit(train, options)).rejects.toMatchObject({
        name: "FileAccessError",
        reason: "disk-full",
        message: expect.stringMatching(/free.*`cache: false`/s),
      });
      expect(await model.fit(train, { ...options, cache: false })).toHaveLength(2);
      free();
      expect(await model.fit(train, options)).toHaveLength(2);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
    expect((await readdir(folder)).filter((name) => name.startsWith("cnn-transfer-"))).toEqual([]);
  });
});

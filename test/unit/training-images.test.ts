import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TrainingImagesBatch, trainingImages } from "../../src/fine-tuning/training-images.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { imageList } from "../../src/images/image-list.js";
import { imageSelection } from "../../src/images/image-selection.js";
import type { SourceImage } from "../../src/images/image-source.js";
import { createRandom } from "../../src/random.js";
import { writeImages } from "../../src/write-images.js";
import { colouredPictures, colours } from "../support/coloured-pictures.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "training-images-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const size = [12, 10] as const;
const source = colouredPictures(11, size);

async function all(batches: AsyncIterable<TrainingImagesBatch>): Promise<readonly TrainingImagesBatch[]> {
  const list: TrainingImagesBatch[] = [];
  for await (const batch of batches) list.push(batch);
  return list;
}

describe("trainingImages", () => {
  test("gives each picture once per pass, in numpy's order for the seed and the pass, with its class", async () => {
    const data = await trainingImages(source, { size, batchSize: 4, seed: 7 });
    expect([data.length, data.batchesPerPass, data.rowShape]).toEqual([11, 3, [12, 10, 3]]);
    for (const pass of [0, 3]) {
      const batches = await all(data.batches({ pass }));
      expect(batches.map(({ xs }) => xs.shape)).toEqual([
        [4, 12, 10, 3],
        [4, 12, 10, 3],
        [3, 12, 10, 3],
      ]);
      const order = Array.from({ length: 11 }, (_, i) => i);
      createRandom(7 + pass).shuffle(order);
      expect(batches.flatMap(({ indices }) => [...indices])).toEqual(order);
      expect(batches.flatMap(({ ys }) => [...ys.data])).toEqual(order.map((place) => place % 3));
      const first = source.images[order[0] as number]?.image as { readonly data: Uint8Array };
      expect(batches[0]?.xs.data.slice(0, 360)).toEqual(first.data);
    }
  });

  test("gives the rows of an HDF5 file of the same pictures, batch for batch, varied in the same way", async () => {
    const file = path.join(folder, "pictures.hdf5");
    await writeImages(source, file, { size });
    const options = { batchSize: 3, seed: 5, shuffle: true, augment: { rotationRange: 30, horizontalFlip: true } };
    await using rows = await HDF5DatasetGenerator.open(file, { ...options, dtype: "uint8" });
    const data = await trainingImages(source, { ...options, size });
    let place = 0;
    const batches = await all(data.batches({ pass: 2 }));
    for await (const { xs, ys } of rows.batches({ pass: 2 })) {
      const batch = batches[place++];
      expect(Float32Array.from(batch?.xs.data ?? [])).toEqual(Float32Array.from(xs.data));
      expect(batch?.ys.data).toEqual(ys.data);
    }
    expect(place).toBe(4);
  });

  test("varies a picture anew in every pass, and in the same way where a pass comes again", async () => {
    const data = await trainingImages(source, { size, shuffle: false, augment: { rotationRange: 40 } });
    const passOf = async (pass: number) => (await all(data.batches({ pass })))[0];
    const [first, again, other] = [await passOf(0), await passOf(0), await passOf(1)];
    expect(again?.xs.data).toEqual(first?.xs.data);
    expect(other?.xs.data).not.toEqual(first?.xs.data);
    expect(data.still).toBe(false);
  });

  test("comes to every class equally often with balanced sampling", async () => {
    const uneven = source.select([0, 1, 2, 3, 6, 9]);
    const data = await trainingImages(uneven, { size, sampling: "balanced" });
    expect(data.length).toBe(12);
    const labels = (await all(data)).flatMap(({ ys }) => [...ys.data]);
    expect([0, 1, 2].map((label) => labels.filter((each) => each === label).length)).toEqual([4, 4, 4]);
  });

  test("stops with the signal's reason, and names a picture that cannot be opened", async () => {
    const stop = new AbortController();
    const data = await trainingImages(source, { size, batchSize: 2, signal: stop.signal });
    const pass = data.batches();
    await pass.next();
    stop.abort(new Error("enough"));
    await expect(all(pass)).rejects.toThrow("enough");
    const missing = imageList([path.join(folder, "missing.jpg")], { labels: [0], classLabels: colours });
    await expect(all(await trainingImages(missing, { size }))).rejects.toMatchObject({ name: "FileAccessError" });
  });

  test.each([
    ["pictures without labels", imageList([new Uint8Array(3)]), /has no label/],
    ["no pictures", source.select([]), /no pictures/],
    [
      "pictures of which one has another column",
      imageSelection([...source.images, { ...(source.images[0] as SourceImage), columns: { weight: 1 } }], colours),
      /"picture 0" has other columns than the first picture: "weight" \(one number\) instead of none/,
    ],
  ])("refuses %s", async (_, pictures, message) => {
    await expect(trainingImages(pictures, { size })).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(message),
    });
  });
});

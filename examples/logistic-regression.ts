/**
 * Logistic regression on a file of features, with a grid search over C as the Python originals do it.
 * `tsx examples/logistic-regression.ts [features.hdf5]`; without a file it makes one.
 */
import { createRandom, HDF5DatasetGenerator, HDF5DatasetWriter, LogisticRegression } from "cnn-transfer";

const file = process.argv[2] ?? (await makeFeatures("clusters.hdf5"));
await using data = await HDF5DatasetGenerator.open(file, { batchSize: 256 });
const { train, validation } = data.split({ validation: 0.25, stratify: true, seed: 42 });

const search = await LogisticRegression.gridSearch(train, {
  Cs: [0.1, 1, 10, 100],
  onProgress: ({ C, fold, iteration, fits, allFits }) => {
    if (iteration === 1)
      console.error(`fit ${fits + 1}/${allFits}: C=${C}, ${fold ? `without fold ${fold}` : "all rows"}`);
  },
});
console.log(`${search}\n`);
if (!search.model.solution?.converged) console.log("The last fit has not converged: pass a greater `maxIter`.");

const report = await search.model.evaluate(validation);
console.log(String(report));
await search.model.save("logistic.h5");
const again = await LogisticRegression.load("logistic.h5");
console.log(`accuracy ${report.accuracy}, from the file ${(await again.evaluate(validation)).accuracy}`);

/** Three clusters of points in 16 dimensions, some of which lie among the others. */
async function makeFeatures(path: string): Promise<string> {
  const [rows, width] = [600, 16] as const;
  const random = createRandom(1);
  const labels = Int32Array.from({ length: rows }, (_, row) => row % 3);
  const features = Float32Array.from({ length: rows * width }, (_, at) => {
    const label = labels[Math.floor(at / width)];
    return random.double() * 2 + ((at % width) % 3 === label ? 0.6 : 0);
  });
  await using writer = await HDF5DatasetWriter.create(path, {
    rows,
    rowShape: [width],
    classLabels: ["cats", "dogs", "pandas"],
    overwrite: true,
  });
  await writer.add({ dtype: "float32", shape: [rows, width], data: features }, labels);
  await writer.close();
  return path;
}

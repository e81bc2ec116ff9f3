// Opens a Keras model and says what is on a picture: npx tsx examples/classify.ts model.h5 picture.jpg [labels.txt]
//
// For models that take RGB pixels from -1 to 1, as those of Teachable Machine and MobileNet do.

import { readFile } from "node:fs/promises";
import { inferShapes, loadImage, loadKeras, onnx, preprocessInput } from "cnn-transfer";

const [, , model = "model.h5", picture = "picture.jpg", labelFile] = process.argv;

const network = await loadKeras(model);
const [height, width] = inferShapes(network).get(network.inputs[0] ?? "") ?? [];
if (typeof height !== "number" || typeof width !== "number") throw new Error(`${model} takes no pictures of one size.`);

const lines = labelFile === undefined ? [] : (await readFile(labelFile, "utf8")).trim().split("\n");
const labels = network.classLabels ?? lines;

const backend = onnx();
await backend.init();
const loaded = await backend.load(network);
try {
  const pixels = preprocessInput(await loadImage(picture, { size: [height, width] }), "tf");
  const [probabilities] = await loaded.run([{ ...pixels, shape: [1, height, width, 3] }]);
  const best = Array.from(probabilities?.data ?? [], Number)
    .map((probability, index) => ({ label: labels[index] ?? `class ${index}`, probability }))
    .sort((a, b) => b.probability - a.probability);
  for (const { label, probability } of best.slice(0, 3)) console.log(`${probability.toFixed(4)} ${label}`);
} finally {
  await loaded.dispose();
}

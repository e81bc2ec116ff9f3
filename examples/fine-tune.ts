/**
 * Fine-tunes the last block of a network: first the head alone, then the block too.
 *
 * `tsx examples/fine-tune.ts [folder] [vgg16]`: a folder with one folder of pictures per class, else drawings; `vgg16` takes
 * VGG16 (its weights are downloaded once, 59 MB), else vgg-mini, which needs no Internet.
 */
import { mkdir } from "node:fs/promises";
import { imageFolder, splitRows, TransferModel } from "cnn-transfer";
import { drawAnimals } from "./draw-animals.js";

const [given, backbone = "vgg-mini"] = process.argv.slice(2);
if (backbone !== "vgg-mini" && backbone !== "vgg16")
  throw new Error("The second argument is a network: vgg-mini or vgg16.");
const output = "fine-tuned";
const folder = given ?? `${output}/drawings`;
if (given === undefined) await drawAnimals(folder, 32, 1);
const images = await imageFolder(folder);
const { first, second } = splitRows(images.length, { size: 0.25, stratify: images.labels, seed: 42 });
const [train, validation] = [images.select(first), images.select(second)];

await using model = await TransferModel.create({
  backbone,
  classLabels: images.classLabels,
  hidden: [64],
  dropout: 0.5,
});
console.log(
  `${backbone} on ${model.backend.name}: ${train.length} pictures to train on, ${validation.length} to be judged by`,
);
const options = {
  validation,
  onFeatures: ({ done, total }: { done: number; total: number }) => console.error(`computed once: ${done}/${total}`),
};

// The head has random weights yet: what it would send back into the network is of no use. So the network stands still.
await model.fit(train, { ...options, epochs: 10, learningRate: 1e-3 });
const warm = await model.evaluate(validation);
console.log(`head alone:   accuracy ${warm.accuracy.toFixed(3)}, loss ${warm.loss.toFixed(3)}`);

model.unfreeze({ from: "block5_conv1" });
await model.fit(train, { ...options, epochs: 5, learningRate: 1e-4 });
const tuned = await model.evaluate(validation);
console.log(`last block:   accuracy ${tuned.accuracy.toFixed(3)}, loss ${tuned.loss.toFixed(3)}`);
console.log(`\n${tuned}`);

await mkdir(output, { recursive: true });
await model.save(`${output}/my_model.h5`); // keras.models.load_model("fine-tuned/my_model.h5")
await using again = await TransferModel.load(`${output}/my_model.h5`);
const [[best] = []] = await again.classify(validation.select([0]), { top: 1 });
console.log(
  `from the file: ${validation.images[0]?.name} is ${best?.label}, ${(100 * (best?.probability ?? 0)).toFixed(0)} %`,
);

// Turns a Keras file into other forms, by the end of the name: npx tsx examples/convert.ts model.keras model.h5 model.onnx

import { writeFile } from "node:fs/promises";
import { loadKeras, saveKeras, summary, toOnnx } from "cnn-transfer";

const [, , source = "model.keras", ...targets] = process.argv;

const network = await loadKeras(source);
console.log(summary(network));
for (const target of targets) {
  if (target.endsWith(".onnx")) await writeFile(target, toOnnx(network));
  else await saveKeras(network, target);
  console.log(`wrote ${target}`);
}

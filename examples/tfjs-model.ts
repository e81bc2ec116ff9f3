// A Keras file in an app's own tfjs: opened, trained on, and saved so that Keras opens it again.
// npx tsx examples/tfjs-model.ts model.h5 trained.h5

import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import * as tfl from "@tensorflow/tfjs-layers";
import { kerasH5 } from "cnn-transfer";

const [, , source = "model.h5", target = "trained.h5"] = process.argv;

const model = await tfl.loadLayersModel(kerasH5(source));
model.compile({ optimizer: tf.train.sgd(0.01), loss: "meanSquaredError" });

// Numbers in place of data, of the shapes that the model takes and gives.
const shapeOf = (shape: tfl.Shape): number[] => [8, ...shape.slice(1).map((axis) => axis ?? 1)];
const xs = tf.randomUniform(shapeOf(model.inputs[0]?.shape ?? []));
const ys = tf.zeros(shapeOf(model.outputs[0]?.shape ?? []));
const { history } = await model.fit(xs, ys, { epochs: 3, verbose: 0 });
console.log(`loss: ${history.loss?.map((loss) => Number(loss).toFixed(4)).join(", ")}`);

await model.save(kerasH5(target));
console.log(`wrote ${target}`);

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { loadImage } from "../../src/images/load-image.js";
import { preprocessInput } from "../../src/images/preprocess.js";
import type { Json } from "../../src/keras/layer-config.js";
import { loadKeras } from "../../src/keras/load-keras.js";
import { countParameters } from "../../src/network/summary.js";
import { expectOutputs, type Values } from "../support/expect-outputs.js";

const shared = fileURLToPath(new URL("../../../shared/data/", import.meta.url));

interface Reference {
  readonly input_shapes: readonly (readonly number[])[];
  readonly outputs: readonly {
    readonly shape: readonly number[];
    readonly values?: readonly number[];
    readonly first_256?: readonly number[];
  }[];
  readonly params?: number;
}

function sequential(...layers: readonly (readonly [string, { readonly [key: string]: Json }])[]) {
  return {
    class_name: "Sequential",
    config: layers.map(([class_name, config], index) => ({
      class_name,
      config: { name: `layer_${index}`, ...config },
    })),
  };
}

describe.skipIf(!existsSync(shared))("Keras files of other people (needs ../shared/data)", () => {
  test.each([
    ["keras_models/", "dogs_cats_cnn_k2.2.4-tf.h5"],
    ["keras_models/", "fer2013_mini_XCEPTION.102-0.66.hdf5"],
    ["keras_models/", "mnist_cnn_gurdeep.h5"],
    ["keras_models/", "mnist_cnn_gurdeep.keras"],
    ["keras_models/", "shallownet_animals_k2.0.8.hdf5"],
    ["keras_models/", "shallownet_animals_slava.hdf5"],
    ["keras_models/", "siamese_functional_k2.0.8.h5"],
    ["weights/", "mobilenet_v1_0.25_224_imagenet_with_top.h5"],
    ["weights/", "vgg16_block1_block2_functional_imagenet.h5"],
  ])("%s%s gives the reference outputs on every backend", async (folder, file) => {
    const text = readFileSync(`${shared}${folder}reference_outputs/${file}.json`, "utf8");
    const reference = JSON.parse(text) as Reference;
    const inputs = reference.input_shapes.map((shape, index) => ({
      shape,
      data: Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => 0.5 + 0.5 * Math.sin(0.37 * i + index)),
    }));
    const outputs = reference.outputs.map(({ shape, values, first_256: first }) => ({
      shape,
      data: values ?? first ?? [],
    }));
    const network = await loadKeras(`${shared}${folder}${file}`);
    if (reference.params !== undefined) expect(countParameters(network)).toBe(reference.params);
    await expectOutputs(network, inputs, outputs, 1e-4);
  });

  test("the model of Teachable Machine, models inside of models, tells cats from dogs as in Keras", async () => {
    const text = readFileSync(`${shared}weights/reference_outputs/teachable_machine_catdog_on_animals.json`, "utf8");
    const { rows } = JSON.parse(text) as { readonly rows: readonly (readonly [string, readonly number[]])[] };
    const network = await loadKeras(`${shared}weights/teachable_machine_catdog/keras_model.h5`);
    expect(network.layers.map(({ name }) => name)).toContain("block_16_project_BN");
    for (const backend of [onnx(), tfjsWasm()]) {
      await backend.init();
      const loaded = await backend.load(network);
      for (const [path, expected] of rows.slice(0, 6)) {
        const pixels = preprocessInput(await loadImage(`${shared}${path}`, { size: [224, 224] }), "tf");
        const [result] = await loaded.run([{ ...pixels, shape: [1, 224, 224, 3] }]);
        for (const [index, value] of expected.entries()) {
          expect(Math.abs(Number(result?.data[index]) - value), `${backend.name}, ${path}`).toBeLessThan(1e-4);
        }
      }
      await loaded.dispose();
    }
  });

  test("weights of Keras 3 alone go onto the layers of a config", async () => {
    const topology = sequential(
      ["Conv2D", { filters: 32, kernel_size: 3, batch_input_shape: [null, 28, 28, 1], activation: "relu" }],
      ["MaxPooling2D", { pool_size: 2 }],
      ["Conv2D", { filters: 64, kernel_size: 3, activation: "relu" }],
      ["MaxPooling2D", { pool_size: 2 }],
      ["Flatten", {}],
      ["Dense", { units: 100, activation: "relu" }],
      ["Dense", { units: 10, activation: "softmax" }],
    );
    const network = await loadKeras(`${shared}keras_models/mnist_himal.weights.h5`, { topology });
    expect(network.weights.get("layer_6")?.map(({ name, array }) => [name, array.shape])).toEqual([
      ["kernel", [100, 10]],
      ["bias", [10]],
    ]);
  });

  test("weights of Keras 2 alone, with PReLU and two outputs, go onto the layers of a config and compute as in Keras", async () => {
    const golden = new URL("../fixtures/weights-of-others/mtcnn_12net.json", import.meta.url);
    const { config, shape, outputs } = JSON.parse(readFileSync(golden, "utf8")) as {
      readonly config: { readonly class_name: string; readonly config: unknown };
      readonly shape: readonly number[];
      readonly outputs: readonly Values[];
    };
    const network = await loadKeras(`${shared}keras_models/mtcnn_12net_weights_only.h5`, { topology: config });
    const data = Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => 0.5 + 0.5 * Math.sin(0.37 * i));
    await expectOutputs(network, [{ shape, data }], outputs, 1e-5);
  });

  test("weights of Keras 2 alone, with PReLU, are refused at the first layer of a config that they do not fit", async () => {
    const prelu = ["PReLU", { shared_axes: [1, 2] }] as const;
    const topology = sequential(
      ["Conv2D", { filters: 10, kernel_size: 3, batch_input_shape: [null, 12, 12, 3] }],
      prelu,
      ["MaxPooling2D", { pool_size: 2 }],
      ["Conv2D", { filters: 16, kernel_size: 3 }],
      prelu,
      ["Conv2D", { filters: 32, kernel_size: 3 }],
      prelu,
      ["Conv2D", { filters: 2, kernel_size: 1 }],
      ["Conv2D", { filters: 4, kernel_size: 1 }],
    );
    // The file's last layer stands beside the one before it: in a row their channels do not fit.
    await expect(loadKeras(`${shared}keras_models/mtcnn_12net_weights_only.h5`, { topology })).rejects.toMatchObject({
      name: "InvalidWeightsError",
      layer: "layer_8",
    });
  });

  test.each([
    ["keras_models/dl4j_sequential_lambda.h5", "UnsupportedError", /"lambda_1".*Lambda/],
    ["keras_models/mnist_himal.weights.h5", "InvalidModelError", /no `model_config`.*weights only.*topology/],
    ["keras_models/mtcnn_12net_weights_only.h5", "InvalidModelError", /weights only/],
    ["weights/squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5", "InvalidModelError", /weights only/],
    ["hdf5_files/truncated_dl4j_some_loss.h5", "InvalidDatasetError", /damaged|cut short/],
    ["animals/cats/cats_00001.jpg", "InvalidModelError", /no file of Keras.*ff d8 ff/],
    ["weights/teachable_machine_catdog/labels.txt", "InvalidModelError", /no file of Keras/],
    ["weights", "FileAccessError", /folder/],
    ["weights/none.h5", "FileAccessError", /no such file/],
  ])("%s is refused for the right reason", async (file, name, message) => {
    await expect(loadKeras(shared + file)).rejects.toMatchObject({ name, message: expect.stringMatching(message) });
  });
});

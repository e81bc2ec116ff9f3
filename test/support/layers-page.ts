import { withKerasLayers } from "../../src/keras/keras-layers.js";
import { keras1Classes, mergeClasses } from "../../src/keras/keras1-layer.js";
import { toKerasLayer } from "../../src/keras/layer-config.js";
import { readableClasses } from "../../src/keras/read-layer.js";
import { activationNames } from "../../src/network/activation.js";
import type { Layer, LayerClassName } from "../../src/network/layer.js";
import { layerClassNames } from "../../src/network/layer-shape.js";
import { layer, networkOf } from "./layers.js";

/** Classes that one of Keras's versions does not have; read of Keras 3.15.1 and tf_keras 2.21.0. */
const onlyKeras2 = new Set(["ThresholdedReLU", "RandomHeight", "RandomWidth"]);
const onlyKeras3 = new Set([
  "AdaptiveAveragePooling1D",
  "AdaptiveAveragePooling2D",
  "AdaptiveMaxPooling1D",
  "AdaptiveMaxPooling2D",
  "AugMix",
  "CutMix",
  "MixUp",
  "RMSNormalization",
  "RandAugment",
  "RandomColorDegeneration",
  "RandomColorJitter",
  "RandomElasticTransform",
  "RandomErasing",
  "RandomGaussianBlur",
  "RandomGrayscale",
  "RandomHue",
  "RandomInvert",
  "RandomPerspective",
  "RandomPosterization",
  "RandomSaturation",
  "RandomSharpness",
  "RandomShear",
]);

/** Classes of Keras 1.2.2 that still have their name. */
const sameInKeras1 = new Set([
  "Activation",
  "ActivityRegularization",
  "AveragePooling1D",
  "AveragePooling2D",
  "BatchNormalization",
  "Cropping1D",
  "Cropping2D",
  "Dense",
  "Dropout",
  "ELU",
  "Flatten",
  "GaussianDropout",
  "GaussianNoise",
  "GlobalAveragePooling1D",
  "GlobalAveragePooling2D",
  "GlobalMaxPooling1D",
  "GlobalMaxPooling2D",
  "InputLayer",
  "LeakyReLU",
  "MaxPooling1D",
  "MaxPooling2D",
  "Permute",
  "RepeatVector",
  "Reshape",
  "SpatialDropout1D",
  "SpatialDropout2D",
  "ThresholdedReLU",
  "UpSampling1D",
  "UpSampling2D",
  "ZeroPadding1D",
  "ZeroPadding2D",
]);

/** The page of layers of the documentation, from the code that reads, runs and writes them. */
export function layersPage(): string {
  const rows = [...new Set<string>([...layerClassNames, ...readableClasses])].map((name) => {
    const readable = readableClasses.includes(name);
    const runs = (layerClassNames as readonly string[]).includes(name);
    return [
      name,
      readable ? inKeras1(name) : "-",
      readable && !onlyKeras3.has(name) ? "yes" : "-",
      readable && !onlyKeras2.has(name) ? "yes" : "-",
      runs ? "yes" : `as ${runAs(name)}`,
      runs ? "yes" : `as ${runAs(name)}`,
      runs ? written(name as LayerClassName) : `as ${runAs(name)}`,
    ];
  });
  const table = [
    [
      "layer",
      "read from Keras 1",
      "read from Keras 2",
      "read from Keras 3",
      "onnx, `toOnnx`",
      "tfjs backends, `toLayersModel`",
      "written as",
    ],
    ["---", "---", "---", "---", "---", "---", "---"],
    ...rows,
  ];
  return `# Layers

<!-- Made by test/unit/layers-page.test.ts out of the code: \`npx vitest run test/unit/layers-page.test.ts -u\`. -->

What each kind of layer of a [\`Network\`](networks.md) can come from, run on, and become. A layer or a setting that is not
supported is refused by the layer's name and class when a model is loaded.

${table.map((row) => `| ${row.join(" | ")} |`).join("\n")}

Activations: ${activationNames.map((name) => `\`${name}\``).join(", ")}, and \`{ name: "leaky_relu", negativeSlope }\`.

- \`hard_sigmoid\` is Keras 3's. A file of Keras 1 or 2 means another function by it, which is \`keras2_hard_sigmoid\` here.
- \`sparsemax\` is its definition's, as in Keras 3.16. A file of Keras 3.8 to 3.15 means \`keras3_sparsemax\`, whose sums are others. As its meaning
  would depend on who opens it, neither is saved.
- Layers that act while training only (dropout, noise, \`Random*\`) pass their input on where a network is run.
- \`UpSampling2D\`: \`nearest\` and \`bilinear\`. \`Resizing\` also \`bicubic\`, \`lanczos3\` and \`lanczos5\`, and each with \`antialias\`.
  \`data_format="channels_first"\` is not in this table.
- What takes more than one layer is run, and saved, as several: \`BatchNormalization\` and \`GroupNormalization\` on other axes than the
  last, \`Softmax\` over several axes, \`Resizing\` with \`crop_to_aspect_ratio\` or \`pad_to_aspect_ratio\`, adaptive pooling in windows of
  several sizes, the activation \`glu\`, and a causal \`SeparableConv1D\`, which only Keras 2 has.
- \`RandomCrop\`: where a network is run, Keras before 3.8 crops and resizes, and later versions pass the image on. Each file's version counts.
- Training knows all of them, with the gradients of TensorFlow, but for these: \`ActivityRegularization\`, and
  \`Random*\`, whose pictures can be varied before they come in; and on the tfjs backends \`Resizing\` and bilinear \`UpSampling2D\` where
  gradients have to flow through them, which is where a layer before them is trained. \`onnx()\` trains through these.
`;
}

/** What is run in the place of a class that there is no kind of layer for. */
function runAs(className: string): string {
  return className.startsWith("Adaptive") ? className.replace("Adaptive", "") : "ReLU";
}

/** Classes of the layers that a Keras file gets for a layer of this kind. */
function written(className: LayerClassName): string {
  if (className === "PreprocessInput") return "-";
  const inputs: Layer[] =
    className === "InputLayer" ? [] : [layer("InputLayer", "a"), layer("InputLayer", "b", [], { shape: [8, 8, 3] })];
  const tested = layer(className, "x", className === "InputLayer" ? [] : ["a", "b"]);
  const network = withKerasLayers(networkOf([...inputs, tested]));
  return network.layers
    .slice(inputs.length)
    .map((each) => toKerasLayer(each).class_name)
    .join(", ");
}

/** What a layer is called in Keras 1, where it is there. */
function inKeras1(name: string): string {
  if (sameInKeras1.has(name)) return "yes";
  const older = [...keras1Classes].filter(([, later]) => later === name).map(([own]) => own);
  const modes = [...mergeClasses].filter(([, later]) => later === name).map(([mode]) => `Merge, ${mode}`);
  return [...older, ...modes].join(", ") || "-";
}

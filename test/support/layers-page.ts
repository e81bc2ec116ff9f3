import { withKerasLayers } from "../../src/keras/keras-layers.js";
import { toKerasLayer } from "../../src/keras/layer-config.js";
import { readableClasses } from "../../src/keras/read-layer.js";
import { activationNames } from "../../src/network/activation.js";
import type { Layer, LayerClassName } from "../../src/network/layer.js";
import { layerClassNames } from "../../src/network/layer-shape.js";
import { layer, networkOf } from "./layers.js";

/** Classes that one of Keras's versions does not have; read of Keras 3.15.1 and tf_keras 2.21.0. */
const onlyKeras2 = new Set(["ThresholdedReLU", "RandomHeight", "RandomWidth"]);
const onlyKeras3 = new Set([
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

/** The page of layers of the documentation, from the code that reads, runs and writes them. */
export function layersPage(): string {
  const rows = [...new Set<string>([...layerClassNames, ...readableClasses])].map((name) => {
    const readable = readableClasses.includes(name);
    const runs = (layerClassNames as readonly string[]).includes(name);
    return [
      name,
      readable && !onlyKeras3.has(name) ? "yes" : "-",
      readable && !onlyKeras2.has(name) ? "yes" : "-",
      runs ? "yes" : "as ReLU",
      runs ? "yes" : "as ReLU",
      runs ? written(name as LayerClassName) : "as ReLU",
    ];
  });
  const table = [
    [
      "layer",
      "read from Keras 2",
      "read from Keras 3",
      "onnx, `toOnnx`",
      "tfjs backends, `toLayersModel`",
      "written as",
    ],
    ["---", "---", "---", "---", "---", "---"],
    ...rows,
  ];
  return `# Layers

<!-- Made by test/unit/layers-page.test.ts out of the code: \`npx vitest run test/unit/layers-page.test.ts -u\`. -->

What each kind of layer of a [\`Network\`](networks.md) can come from, run on, and become. A layer or a setting that is not
supported is refused by the layer's name and class when a model is loaded.

${table.map((row) => `| ${row.join(" | ")} |`).join("\n")}

Activations: ${activationNames.map((name) => `\`${name}\``).join(", ")}, and \`{ name: "leaky_relu", negativeSlope }\`.

- \`hard_sigmoid\` is Keras 3's. A file of Keras 1 or 2 means another function by it, which is \`keras2_hard_sigmoid\` here.
- Layers that act while training only (dropout, noise, \`Random*\`) pass their input on where a network is run.
- \`Resizing\` and \`UpSampling2D\`: \`nearest\` and \`bilinear\`. \`data_format="channels_first"\` is not in this table.
- \`GroupNormalization\` and \`BatchNormalization\` act on the last axis.
- Training on a tfjs backend knows all of them, with the gradients of TensorFlow, but for these: \`ActivityRegularization\`, and
  \`Random*\`, whose pictures can be varied before they come in; and \`Resizing\` and bilinear \`UpSampling2D\` where gradients
  have to flow through them, which is where a layer before them is trained.
`;
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

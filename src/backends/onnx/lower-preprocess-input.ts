import { InvalidNetworkError, UnsupportedError } from "../../errors.js";
import type { PreprocessMode } from "../../images/preprocess.js";
import type { GraphBuilder, Value } from "./graph-builder.js";

/** value = pixel * scale + offset for each channel, in the order of the channels that come out. */
interface Normalization {
  readonly reverseChannels: boolean;
  readonly scale: readonly number[];
  readonly offset: readonly number[];
}

/**
 * `keras.applications.imagenet_utils.preprocess_input`: means of caffe in BGR, means and deviations of torch in RGB of
 * pixels scaled to 0..1.
 */
const normalizations: Readonly<Record<Exclude<PreprocessMode, "none">, Normalization>> = {
  caffe: { reverseChannels: true, scale: [1, 1, 1], offset: [-103.939, -116.779, -123.68] },
  tf: { reverseChannels: false, scale: [1 / 127.5], offset: [-1] },
  torch: {
    reverseChannels: false,
    scale: [1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)],
    offset: [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225],
  },
};

/** Adds the preprocessing of pixels to the graph. */
export function lowerPreprocessInput(builder: GraphBuilder, name: string, mode: PreprocessMode, input: Value): Value {
  if (mode === "none") return builder.float32(input);
  const normalization = Object.hasOwn(normalizations, mode) ? normalizations[mode] : undefined;
  if (!normalization) {
    throw new UnsupportedError(
      `The backend "onnx" cannot run the layer "${name}": it has no \`mode\` "${String(mode)}". Known are caffe, tf, torch, none.`,
    );
  }
  if (input.rank < 2) {
    throw new InvalidNetworkError(
      `The PreprocessInput layer "${name}" takes images, but its input has no axis beside the batch.`,
      {
        layer: name,
      },
    );
  }
  const value = builder.view(input, "channelsFirst");
  const channelAxis = value.axes === "channelsFirst" ? 1 : value.rank - 1;
  const perChannel = (what: string, numbers: readonly number[]) => {
    const shape =
      numbers.length === 1 ? [] : [numbers.length, ...new Array<number>(value.rank - 1 - channelAxis).fill(1)];
    return builder.floats(name, what, numbers, shape);
  };
  let { tensor } = value;
  if (normalization.reverseChannels) {
    const order = builder.integers(name, "order", [2, 1, 0]);
    tensor = builder.node(name, "Gather", [tensor, order], { axis: { int: channelAxis } });
  }
  if (normalization.scale.some((factor) => factor !== 1)) {
    tensor = builder.node(name, "Mul", [tensor, perChannel("scale", normalization.scale)]);
  }
  tensor = builder.node(name, "Add", [tensor, perChannel("offset", normalization.offset)]);
  return { ...value, tensor };
}

import { UnsupportedError } from "../errors.js";
import type { NdArray, Shape } from "../ndarray.js";
import type { WeightShape } from "../network/weight-shapes.js";
import type { LayerOrigin } from "./read-topology.js";
import type { StoredForm } from "./weight-nodes.js";

/** What decides how a file has the kernels of convolutions. */
export interface KernelDialect {
  readonly kerasVersion?: string | undefined;
  /** Backend that wrote them, if the file says so. */
  readonly backend?: string | undefined;
}

/**
 * The form in which a file has a weight, where that is not ours.
 *
 * Theano turned kernels by 180 degrees. Keras 1 stored those of models with channels first as `[filters, channels, height,
 * width]`, and one-dimensional ones with a second axis of 1. Rules: `preprocess_weights_for_loading` of Keras 2.
 *
 * @throws UnsupportedError naming the layer, where the file does not say enough
 */
export function storedForm(
  { kerasVersion, backend }: KernelDialect,
  { name, entry }: LayerOrigin,
  { name: weight, shape }: WeightShape,
  channelsFirst: boolean,
): StoredForm | undefined {
  const { className } = entry;
  const isKeras1 = kerasVersion === undefined ? false : /^[01]\./.test(kerasVersion);
  const isTheano = backend === "theano";
  if (!/Conv/.test(className) || !weight.includes("kernel") || (!isKeras1 && !isTheano)) return undefined;
  if (className === "Conv1D" && isKeras1 && !isTheano && !channelsFirst) {
    const [length = 0, ...rest] = shape;
    return { shape: [length, 1, ...rest], restore: ({ data }) => ({ dtype: "float32", shape, data }) };
  }
  if (className !== "Conv2D") {
    if (!isTheano && !channelsFirst) return undefined;
    throw new UnsupportedError(
      `Layer "${name}" (${className}) of the Keras model has a kernel from ${isTheano ? "Theano" : "Keras 1 with channels first"}, whose form is known for Conv2D only.`,
    );
  }
  if (isKeras1 && channelsFirst && backend === undefined) {
    throw new UnsupportedError(
      `Layer "${name}" (${className}) of the Keras model has a kernel from Keras 1 with channels first, and the file does not say whether Theano wrote it, which turned kernels, or TensorFlow. Pass \`backend: "theano"\` or \`backend: "tensorflow"\`.`,
    );
  }
  const transposed = isKeras1 && channelsFirst;
  const [height = 0, width = 0, channels = 0, filters = 0] = shape;
  if (!transposed && !isTheano) return undefined;
  return {
    shape: transposed ? [filters, channels, height, width] : shape,
    restore: (stored) => restored(stored, shape, transposed, isTheano),
  };
}

/** The kernel `[height, width, channels, filters]` of a stored one. */
function restored(
  { data: from }: NdArray<"float32">,
  shape: Shape,
  transposed: boolean,
  turned: boolean,
): NdArray<"float32"> {
  const [height = 0, width = 0, channels = 0, filters = 0] = shape;
  const data = new Float32Array(from.length);
  let at = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const y = turned ? height - 1 - row : row;
      const x = turned ? width - 1 - column : column;
      for (let channel = 0; channel < channels; channel++) {
        for (let filter = 0; filter < filters; filter++) {
          const position = transposed
            ? ((filter * channels + channel) * height + y) * width + x
            : ((y * width + x) * channels + channel) * filters + filter;
          data[at++] = from[position] as number;
        }
      }
    }
  }
  return { dtype: "float32", shape, data };
}

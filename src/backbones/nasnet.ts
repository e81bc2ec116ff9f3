import type { Backbone, TopologyOptions, WeightsFile } from "./backbone.js";
import type { GraphBuilder } from "./graph-builder.js";
import { averageClassifier, kerasApplication } from "./keras-application.js";
import { isSquareOf, kerasApplicationsUrl, publishedFile } from "./published-weights.js";

const size = 224;

/** Filters of the first cells that keep the size; twice as many behind each reduction. */
const filters = 44;

/** Cells between two reductions. */
const cells = 4;

/**
 * NASNetMobile: cells found by search, each of which takes the outputs of the two before it. 4,269,716 parameters without
 * top, 5,326,716 with it. Layers are named as in Keras: `stem_conv1`, `normal_conv_1_0`, ... `normal_concat_12`, then
 * `predictions`; activations have the names that a fresh Keras session gives, and the features are `activation_187`.
 * Images of any size from 32x32; its published top is for 224x224.
 *
 * B. Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition", CVPR 2018.
 */
export const nasnetMobile: Backbone = kerasApplication({
  name: "nasnetmobile",
  modelName: "nasnet_mobile",
  size,
  preprocess: "tf",
  layer: "activation_187",
  build: (graph, includeTop) => {
    const stem = graph.conv2D(graph.input, 32, 3, { strides: 2, useBias: false, name: "stem_conv1" });
    let before: Pair = { x: normalized(graph, stem, "stem_bn1"), previous: undefined };
    before = reductionCell(graph, before, Math.floor(filters / 4), "stem_1");
    before = reductionCell(graph, before, Math.floor(filters / 2), "stem_2");
    for (const stage of [0, 1, 2]) {
      const width = filters * 2 ** stage;
      if (stage > 0) before = reductionCell(graph, before, width, `reduce_${cells * stage}`);
      // The first reduction uses up a number, the second does not.
      const first = stage === 0 ? 0 : cells * stage + 1;
      for (let at = first; at < first + cells; at++) before = normalCell(graph, before, width, String(at));
    }
    const x = graph.activation(before.x, "relu");
    return includeTop ? averageClassifier(graph, x) : x;
  },
  weightsFile: nasnetWeightsFile,
});

/** Outputs of the last cell and of the one before it. */
interface Pair {
  readonly x: string;
  readonly previous: string | undefined;
}

function normalCell(graph: GraphBuilder, { x, previous }: Pair, width: number, id: string): Pair {
  const p = adjusted(graph, previous ?? x, x, width, id);
  const h = squeezed(graph, x, width, "normal", id);
  const separable = (from: string, kernelSize: number, place: string): string =>
    separableBlock(graph, from, { width, kernelSize, strides: 1, id: `normal_${place}_${id}` });
  const average = (from: string, place: string): string =>
    graph.averagePooling2D(from, 3, { strides: 1, padding: "same", name: `normal_${place}_${id}` });
  const sum = (a: string, b: string, at: number): string => graph.sum([a, b], { name: `normal_add_${at}_${id}` });

  const sums = [
    sum(separable(h, 5, "left1"), separable(p, 3, "right1"), 1),
    sum(separable(p, 5, "left2"), separable(p, 3, "right2"), 2),
    sum(average(h, "left3"), p, 3),
    sum(average(p, "left4"), average(p, "right4"), 4),
    sum(separable(h, 3, "left5"), h, 5),
  ];
  return { x: graph.concatenate([p, ...sums], { name: `normal_concat_${id}` }), previous: x };
}

/** Half the size. */
function reductionCell(graph: GraphBuilder, { x, previous }: Pair, width: number, id: string): Pair {
  const p = adjusted(graph, previous ?? x, x, width, id);
  const h = squeezed(graph, x, width, "reduction", id);
  const padded = graph.padForStride2(h, 3, { name: `reduction_pad_1_${id}` });
  const separable = (from: string, kernelSize: number, place: string): string =>
    separableBlock(graph, from, { width, kernelSize, strides: 2, id: `reduction_${place}_${id}` });
  const name = (place: string): { readonly name: string } => ({ name: `reduction_${place}_${id}` });
  const sum = (a: string, b: string, place: string): string => graph.sum([a, b], name(place));

  const first = sum(separable(h, 5, "left1"), separable(p, 7, "right1"), "add_1");
  const second = sum(
    graph.maxPooling2D(padded, 3, { strides: 2, ...name("left2") }),
    separable(p, 7, "right2"),
    "add_2",
  );
  const third = sum(
    graph.averagePooling2D(padded, 3, { strides: 2, ...name("left3") }),
    separable(p, 5, "right3"),
    "add3",
  );
  const averaged = graph.averagePooling2D(first, 3, { strides: 1, padding: "same", ...name("left4") });
  const fourth = graph.sum([second, averaged]);
  const fifth = sum(
    separableBlock(graph, first, { width, kernelSize: 3, strides: 1, id: `reduction_left4_${id}` }),
    graph.maxPooling2D(padded, 3, { strides: 2, ...name("right5") }),
    "add4",
  );
  return { x: graph.concatenate([second, third, fourth, fifth], name("concat")), previous: x };
}

/** Gives the output of the cell before the last one the size of the last one's and `width` channels. */
function adjusted(graph: GraphBuilder, previous: string, x: string, width: number, id: string): string {
  const [, previousColumns, channels] = graph.shapeOf(previous);
  const [, columns] = graph.shapeOf(x);
  if (previousColumns !== columns) {
    const p = graph.activation(previous, "relu", { name: `adjust_relu_1_${id}` });
    const path = (from: string, at: number): string => {
      const pooled = graph.averagePooling2D(from, 1, { strides: 2, name: `adjust_avg_pool_${at}_${id}` });
      const half = Math.floor(width / 2);
      return graph.conv2D(pooled, half, 1, { padding: "same", useBias: false, name: `adjust_conv_${at}_${id}` });
    };
    const even = path(p, 1);
    const padded = graph.zeroPadding2D(p, [
      [0, 1],
      [0, 1],
    ]);
    const shifted = graph.add("Cropping2D", [padded], {
      cropping: [
        [1, 0],
        [1, 0],
      ],
    });
    return normalized(graph, graph.concatenate([even, path(shifted, 2)]), `adjust_bn_${id}`);
  }
  if (previous === x || channels === width) return previous;
  let p = graph.activation(previous, "relu");
  p = graph.conv2D(p, width, 1, { padding: "same", useBias: false, name: `adjust_conv_projection_${id}` });
  return normalized(graph, p, `adjust_bn_${id}`);
}

function squeezed(graph: GraphBuilder, x: string, width: number, kind: string, id: string): string {
  const active = graph.activation(x, "relu");
  const h = graph.conv2D(active, width, 1, { padding: "same", useBias: false, name: `${kind}_conv_1_${id}` });
  return normalized(graph, h, `${kind}_bn_1_${id}`);
}

/** ReLU, separable convolution, normalization, twice; the stride is that of the first. */
function separableBlock(
  graph: GraphBuilder,
  from: string,
  options: { readonly width: number; readonly kernelSize: number; readonly strides: number; readonly id: string },
): string {
  const { width, kernelSize, strides, id } = options;
  let x = graph.activation(from, "relu");
  if (strides === 2) x = graph.padForStride2(x, kernelSize, { name: `separable_conv_1_pad_${id}` });
  const padding = strides === 2 ? "valid" : "same";
  const name = `separable_conv_1_${id}`;
  x = graph.separableConv2D(x, width, kernelSize, { strides, padding, useBias: false, name });
  x = graph.activation(normalized(graph, x, `separable_conv_1_bn_${id}`), "relu");
  x = graph.separableConv2D(x, width, kernelSize, { padding: "same", useBias: false, name: `separable_conv_2_${id}` });
  return normalized(graph, x, `separable_conv_2_bn_${id}`);
}

function normalized(graph: GraphBuilder, from: string, name: string): string {
  return graph.batchNormalization(from, { momentum: 0.9997, name });
}

function nasnetWeightsFile({ includeTop, imageSize }: TopologyOptions): WeightsFile | undefined {
  const url = `${kerasApplicationsUrl}nasnet/NASNet-mobile`;
  if (!includeTop) {
    return publishedFile(`${url}-no-top.h5`, "nasnet_mobile_no_top.h5", { hash: "1ed92395b5b598bdda52abe5c0dbfd63" });
  }
  if (!isSquareOf(size, imageSize)) return undefined;
  return publishedFile(`${url}.h5`, "nasnet_mobile.h5", { hash: "020fb642bf7360b370c678b08e0adf61" });
}

import type { Backbone, WeightsFile } from "./backbone.js";
import { GraphBuilder } from "./graph-builder.js";
import { checkImageSize } from "./image-size.js";

/** Filters of each convolution of each block, as in training/vgg-mini/network.py. */
const blockFilters = [[24], [48], [96, 104], [160, 168, 176], [256]] as const;

const classes = 200;

const sizes = { name: "vgg-mini", imageSize: [64, 64], minimumSize: 32 } as const;

/**
 * VGG in small, with weights that come inside this package: 3x3 convolutions with relu in five blocks, 1,206,672 parameters
 * without top, 1,258,072 with it, 0.19 GFLOP for a picture of 64x64. Layers are named as in {@link vgg16},
 * `block1_conv1` to `block5_pool`, then `avg_pool` and `predictions`. Pictures of any size from 32x32, also with top.
 *
 * Not in `keras.applications`: trained by us, in Keras, on 52,000 pictures of 200 classes of ImageNet at 64x64. The file is a
 * whole Keras model whose data set `label_names` says what the 200 outputs are. docs/vgg-mini.md says how good it is, and when
 * to take a larger network.
 *
 * @example
 * await using extractor = await FeatureExtractor.create({ backbone: "vgg-mini" }); // nothing is downloaded
 */
export const vggMini: Backbone = {
  ...sizes,
  preprocess: "caffe",
  layer: "block5_pool",
  topology({ includeTop, imageSize }) {
    const graph = new GraphBuilder(checkImageSize(sizes, imageSize));
    let x = graph.input;
    for (const [index, filters] of blockFilters.entries()) {
      const block = `block${index + 1}`;
      for (const [conv, count] of filters.entries()) {
        x = graph.conv2D(x, count, 3, { padding: "same", activation: "relu", name: `${block}_conv${conv + 1}` });
      }
      x = graph.maxPooling2D(x, 2, { name: `${block}_pool` });
    }
    if (includeTop) {
      const average = graph.globalAveragePooling2D(x, { name: "avg_pool" });
      x = graph.dense(average, classes, { activation: "softmax", name: "predictions" });
    }
    return graph.topology(sizes.name, x);
  },
  weightsFile: (): WeightsFile => ({
    // In this form, and only in it, bundlers see that the file belongs to the code and bring it along.
    url: new URL("../../assets/vgg-mini.h5", import.meta.url).href,
    fileName: "vgg-mini.h5",
    holdsTop: true,
    inPackage: true,
  }),
};

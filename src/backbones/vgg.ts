import type { Layer } from "../network/layer.js";
import type { Topology } from "../network/network.js";
import type { Backbone, TopologyOptions, WeightsFile } from "./backbone.js";
import { checkImageSize } from "./image-size.js";
import { vggBlocks } from "./vgg-blocks.js";
import { kerasApplicationsUrl } from "./weights-url.js";

/** Filters of each of the five blocks. */
const blockFilters = [64, 128, 256, 512, 512] as const;

/**
 * VGG16: five blocks of 3x3 convolutions, each ending in a pool. 14,714,688 parameters without top, 138,357,544 with it
 * at 224x224. Layers are named as in Keras: `block1_conv1` to `block5_pool`, then `flatten`, `fc1`, `fc2`,
 * `predictions`. Images of any size from 32x32; its published top takes 224x224 only.
 *
 * K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015.
 */
export const vgg16: Backbone = vgg("vgg16", [2, 2, 3, 3, 3], {
  top: { hash: "64373286793e3c8b2b4e3219cbf3544b", bytes: 553467096 },
  noTop: { hash: "6d6bbae143d832006294945121d1f1fc", bytes: 58889256 },
});

/**
 * VGG19: as {@link vgg16} with a fourth convolution in blocks 3 to 5. 20,024,384 parameters without top, 143,667,240
 * with it at 224x224.
 */
export const vgg19: Backbone = vgg("vgg19", [2, 2, 4, 4, 4], {
  top: { hash: "cbe5617147190e668d6c5d5026f83318" },
  noTop: { hash: "253f8cb515780f3b799900260a226db6", bytes: 80134624 },
});

interface Published {
  readonly hash: string;
  readonly bytes?: number;
}

function vgg(
  name: string,
  convolutions: readonly number[],
  published: { readonly top: Published; readonly noTop: Published },
): Backbone {
  const sizes = { name, imageSize: [224, 224], minimumSize: 32 } as const;
  return {
    ...sizes,
    preprocess: "caffe",
    layer: "block5_pool",
    topology: (options) =>
      vggTopology(name, convolutions, checkImageSize(sizes, options.imageSize), options.includeTop),
    weightsFile: (options) => vggWeightsFile(name, published, options),
  };
}

function vggTopology(
  name: string,
  convolutions: readonly number[],
  imageSize: readonly [number, number],
  includeTop: boolean,
): Topology {
  const filters = blockFilters.map((count, index) => Array.from({ length: convolutions[index] ?? 0 }, () => count));
  const layers = [...vggBlocks(filters, imageSize)];
  let previous = "block5_pool";
  const add = (layer: Layer): void => {
    layers.push(layer);
    previous = layer.name;
  };
  if (includeTop) {
    add({ className: "Flatten", name: "flatten", inputs: [previous], config: {} });
    for (const [dense, units, activation] of [
      ["fc1", 4096, "relu"],
      ["fc2", 4096, "relu"],
      ["predictions", 1000, "softmax"],
    ] as const) {
      add({ className: "Dense", name: dense, inputs: [previous], config: { units, useBias: true, activation } });
    }
  }
  return { name, layers, inputs: ["input_layer"], outputs: [previous] };
}

function vggWeightsFile(
  name: string,
  published: { readonly top: Published; readonly noTop: Published },
  { includeTop, imageSize: [height, width] }: TopologyOptions,
): WeightsFile | undefined {
  // The dense layers of the published top were trained on the 7x7 values that 224x224 images give.
  if (includeTop && (height !== 224 || width !== 224)) return undefined;
  const { hash, bytes } = includeTop ? published.top : published.noTop;
  const fileName = `${name}_weights_tf_dim_ordering_tf_kernels${includeTop ? "" : "_notop"}.h5`;
  return {
    url: `${kerasApplicationsUrl}${name}/${fileName}`,
    fileName,
    hash: { algorithm: "md5", hex: hash },
    ...(bytes === undefined ? {} : { bytes }),
  };
}

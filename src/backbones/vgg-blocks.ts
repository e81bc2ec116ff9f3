import type { Layer } from "../network/layer.js";

/**
 * Blocks of 3x3 convolutions with relu, each ending in a 2x2 pool, behind an input of RGB pictures. Layers are named as in
 * Keras's VGG: `input_layer`, then `block1_conv1` to the last block's `_pool`.
 *
 * @param filters of each convolution of each block
 */
export function vggBlocks(
  filters: readonly (readonly number[])[],
  [height, width]: readonly [number, number],
): readonly Layer[] {
  let previous = "input_layer";
  const layers: Layer[] = [
    { className: "InputLayer", name: previous, inputs: [], config: { shape: [height, width, 3], dtype: "float32" } },
  ];
  const add = (layer: Layer): void => {
    layers.push(layer);
    previous = layer.name;
  };
  for (const [index, convolutions] of filters.entries()) {
    const block = `block${index + 1}`;
    for (const [conv, count] of convolutions.entries()) {
      add({
        className: "Conv2D",
        name: `${block}_conv${conv + 1}`,
        inputs: [previous],
        config: {
          filters: count,
          kernelSize: [3, 3],
          strides: [1, 1],
          padding: "same",
          dilationRate: [1, 1],
          groups: 1,
          useBias: true,
          activation: "relu",
        },
      });
    }
    add({
      className: "MaxPooling2D",
      name: `${block}_pool`,
      inputs: [previous],
      config: { poolSize: [2, 2], strides: [2, 2], padding: "valid" },
    });
  }
  return layers;
}

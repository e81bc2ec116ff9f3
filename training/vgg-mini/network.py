"""The network vgg-mini: VGG in small, as it is trained and as it ships."""

from collections.abc import Sequence

import keras

# Filters of the 3x3 convolutions of each block; a 2x2 pool ends a block. 1.2 million parameters and, at 64x64, 0.19
# GFLOP: most of the work is given to the blocks of 16x16 and 8x8 values, where a filter costs little and sees much.
BLOCKS: Sequence[Sequence[int]] = [[24], [48], [96, 104], [160, 168, 176], [256]]


def build(classes: int | None, normalised: bool) -> keras.Model:
    """Builds the network for RGB pictures of any size, preprocessed in Keras's mode `caffe`.

    `normalised`: with a batch normalization behind each convolution, as it is trained; else with a bias, as it ships.
    `classes`: units of the top, `None` for none. When training the top gives logits, in the shipped network probabilities.
    """
    inputs = values = keras.Input((None, None, 3), name="input_layer")
    for block, filters in enumerate(BLOCKS, start=1):
        for convolution, count in enumerate(filters, start=1):
            name = f"block{block}_conv{convolution}"
            if normalised:
                values = keras.layers.Conv2D(
                    count, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
                )(values)
                values = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name=f"{name}_bn")(values)
                values = keras.layers.ReLU(name=f"{name}_relu")(values)
            else:
                values = keras.layers.Conv2D(count, 3, padding="same", activation="relu", name=name)(values)
        values = keras.layers.MaxPooling2D(2, name=f"block{block}_pool")(values)
    if classes is not None:
        values = keras.layers.GlobalAveragePooling2D(name="avg_pool")(values)
        if normalised:
            values = keras.layers.Dropout(0.1, name="dropout")(values)
        activation = None if normalised else "softmax"
        values = keras.layers.Dense(classes, activation=activation, dtype="float32", name="predictions")(values)
    return keras.Model(inputs, values, name="vgg-mini")


def floating_point_operations(size: int, classes: int | None) -> int:
    """Multiplications and additions for one square picture, each counted as one; biases and relu left out."""
    operations, channels = 0, 3
    for filters in BLOCKS:
        for count in filters:
            operations += 2 * 9 * channels * count * size * size
            channels = count
        size //= 2
    return operations + (0 if classes is None else 2 * channels * classes)

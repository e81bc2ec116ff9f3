"""The measured networks in Keras, without top and with average pooling: random weights, but those of vgg-mini."""

from pathlib import Path

import keras
from keras import layers


def network(name):
    keras.utils.set_random_seed(0)
    if name == "vgg16":
        return keras.applications.VGG16(weights=None, include_top=False, pooling="avg", input_shape=(224, 224, 3))
    if name == "mobilenet":
        return keras.applications.MobileNet(weights=None, include_top=False, pooling="avg", input_shape=(224, 224, 3))
    if name == "squeezenet":
        return squeezenet()
    model = keras.models.load_model(Path(__file__).parents[1] / "assets/vgg-mini.h5", compile=False)
    inputs = keras.Input((64, 64, 3))
    return keras.Model(inputs, keras.Model(model.input, model.get_layer("avg_pool").output)(inputs))


def squeezenet():
    """SqueezeNet 1.1 without top, which keras.applications does not have (https://arxiv.org/abs/1602.07360)."""
    inputs = keras.Input((227, 227, 3))
    x = layers.Conv2D(64, 3, strides=2, activation="relu")(inputs)
    for fires in (((16, 64), (16, 64)), ((32, 128), (32, 128)), ((48, 192), (48, 192), (64, 256), (64, 256))):
        x = layers.MaxPooling2D(3, strides=2)(x)
        for squeeze, expand in fires:
            x = layers.Conv2D(squeeze, 1, activation="relu")(x)
            one = layers.Conv2D(expand, 1, activation="relu")(x)
            three = layers.Conv2D(expand, 3, padding="same", activation="relu")(x)
            x = layers.Concatenate()([one, three])
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x))



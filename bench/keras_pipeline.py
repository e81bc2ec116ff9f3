"""The peer of the benches: a network without top in Keras on TensorFlow, pictures by Pillow, rows by h5py.

keras_pipeline.py forward NETWORK             -> ms per image of predict_on_batch, by batch size
keras_pipeline.py extraction NETWORK FOLDER   -> images per second from a folder of class folders to a closed HDF5 file

NETWORK: vgg16, squeezenet or mobilenet, with random weights, or vgg-mini
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import layers
from keras.applications.imagenet_utils import preprocess_input


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


def forward(name):
    model = network(name)
    figures = {}
    for batch in (1, 8, 32):
        x = np.random.default_rng(0).uniform(0, 255, (batch, *model.input_shape[1:])).astype("float32")
        model.predict_on_batch(x)
        best = min(timed(lambda: model.predict_on_batch(x)) for _ in range(3))
        figures[str(batch)] = best * 1000 / batch
    return figures


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def extraction(name, folder):
    model = network(name)
    size = model.input_shape[1:3]
    model.predict_on_batch(np.zeros((32, *size, 3), "float32"))
    paths = sorted(
        os.path.join(root, name) for root, _, names in os.walk(folder) for name in names if name.lower().endswith(".jpg")
    )
    with tempfile.TemporaryDirectory() as temporary:
        start = time.perf_counter()
        with h5py.File(os.path.join(temporary, "features.hdf5"), "w") as file:
            features = file.create_dataset("features", (len(paths), model.output_shape[-1]), "float32")
            for first in range(0, len(paths), 32):
                pictures = [
                    keras.utils.img_to_array(keras.utils.load_img(path, target_size=size, interpolation="bilinear"))
                    for path in paths[first : first + 32]
                ]
                rows = model.predict_on_batch(preprocess_input(np.stack(pictures), mode="tf" if name == "mobilenet" else "caffe"))
                features[first : first + len(rows)] = rows
        seconds = time.perf_counter() - start
    return {"imagesPerSecond": len(paths) / seconds}


if __name__ == "__main__":
    print(json.dumps({"forward": forward, "extraction": extraction}[sys.argv[1]](*sys.argv[2:])))

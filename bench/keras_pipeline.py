"""The peer of the benches: VGG16 without top in Keras on TensorFlow, pictures by Pillow, rows by h5py.

keras_pipeline.py forward               -> ms per image of predict_on_batch, by batch size
keras_pipeline.py extraction FOLDER     -> images per second from a folder of class folders to a closed HDF5 file
"""

import json
import os
import sys
import tempfile
import time

import h5py
import keras
import numpy as np
from keras.applications.vgg16 import preprocess_input


def network():
    keras.utils.set_random_seed(0)
    return keras.applications.VGG16(weights=None, include_top=False, pooling="avg", input_shape=(224, 224, 3))


def forward():
    model = network()
    figures = {}
    for batch in (1, 8, 32):
        x = np.random.default_rng(0).uniform(0, 255, (batch, 224, 224, 3)).astype("float32")
        model.predict_on_batch(x)
        best = min(timed(lambda: model.predict_on_batch(x)) for _ in range(3))
        figures[str(batch)] = best * 1000 / batch
    return figures


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def extraction(folder):
    model = network()
    model.predict_on_batch(np.zeros((32, 224, 224, 3), "float32"))
    paths = sorted(
        os.path.join(root, name) for root, _, names in os.walk(folder) for name in names if name.lower().endswith(".jpg")
    )
    with tempfile.TemporaryDirectory() as temporary:
        start = time.perf_counter()
        with h5py.File(os.path.join(temporary, "features.hdf5"), "w") as file:
            features = file.create_dataset("features", (len(paths), 512), "float32")
            for first in range(0, len(paths), 32):
                pictures = [
                    keras.utils.img_to_array(keras.utils.load_img(path, target_size=(224, 224), interpolation="bilinear"))
                    for path in paths[first : first + 32]
                ]
                rows = model.predict_on_batch(preprocess_input(np.stack(pictures)))
                features[first : first + len(rows)] = rows
        seconds = time.perf_counter() - start
    return {"imagesPerSecond": len(paths) / seconds}


if __name__ == "__main__":
    print(json.dumps(forward() if sys.argv[1] == "forward" else extraction(sys.argv[2])))

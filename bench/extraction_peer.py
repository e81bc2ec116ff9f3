"""The peer of the extraction bench, with Keras on TensorFlow: extraction_peer.py NETWORK FOLDER

Prints images per second from a folder of class folders to a closed HDF5 file:
  load_img   pictures one by one by keras.utils.load_img, then predict_on_batch, then h5py
  threads    the same pixels, but as many threads as cores decode the next batch while the network runs
  tf_data    keras.utils.image_dataset_from_directory with prefetching; pixels are those of TensorFlow
"""

import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import h5py
import keras
import numpy as np
from keras.applications.imagenet_utils import preprocess_input
from keras_networks import network

BATCH = 32
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

name, folder = sys.argv[1:]
mode = "tf" if name == "mobilenet" else "caffe"
model = network(name)
size = model.input_shape[1:3]
paths = sorted(
    os.path.join(root, file) for root, _, files in os.walk(folder) for file in files if file.lower().endswith(".jpg")
)


def load(path):
    return keras.utils.img_to_array(keras.utils.load_img(path, target_size=size, interpolation="bilinear"))


def batches_one_by_one():
    for first in range(0, len(paths), BATCH):
        yield np.stack([load(path) for path in paths[first : first + BATCH]])


def batches_from_threads():
    with ThreadPoolExecutor(CORES) as threads:
        submit = lambda first: [threads.submit(load, path) for path in paths[first : first + BATCH]]  # noqa: E731
        following = submit(0)
        for first in range(BATCH, len(paths) + BATCH, BATCH):
            current, following = following, submit(first)
            yield np.stack([picture.result() for picture in current])


def batches_from_tf_data():
    import tensorflow as tf

    data = keras.utils.image_dataset_from_directory(
        folder, labels=None, batch_size=BATCH, image_size=size, shuffle=False, verbose=False
    )
    for batch in data.prefetch(tf.data.AUTOTUNE):
        yield batch.numpy()


def images_per_second(batches):
    with tempfile.TemporaryDirectory() as temporary:
        start = time.perf_counter()
        with h5py.File(os.path.join(temporary, "features.hdf5"), "w") as file:
            features = file.create_dataset("features", (len(paths), model.output_shape[-1]), "float32")
            first = 0
            for pictures in batches():
                rows = model.predict_on_batch(preprocess_input(pictures, mode=mode))
                features[first : first + len(rows)] = rows
                first += len(rows)
        return len(paths) / (time.perf_counter() - start)


# Both sizes of batches are traced before time runs, as this library's side has had a batch.
for rows in {min(BATCH, len(paths)), len(paths) % BATCH or BATCH}:
    model.predict_on_batch(np.zeros((rows, *size, 3), "float32"))
print(
    json.dumps(
        {
            "load_img": images_per_second(batches_one_by_one),
            "threads": images_per_second(batches_from_threads),
            "tf_data": images_per_second(batches_from_tf_data),
        }
    )
)

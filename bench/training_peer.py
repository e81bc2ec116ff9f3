"""Times training steps of Keras: training_peer.py reads one name of a job in each line, takes a step, and prints its ms.

Jobs: `head 32`, `head 128`: a head on 25,088 features under Adam, with that batch size. `block5 8`: the last block of VGG16,
global average and softmax, by plain gradient descent.
"""

import sys
import time

import keras
import numpy as np

L = keras.layers
CLASSES = 3


def head():
    layers = [L.Dense(256, activation="relu"), L.Dropout(0.5), L.Dense(CLASSES, activation="softmax")]
    return keras.Sequential([keras.Input((25088,)), *layers]), keras.optimizers.Adam(1e-4)


def block5():
    layers = [L.Conv2D(512, 3, padding="same", activation="relu") for _ in range(3)]
    end = [L.MaxPooling2D(2), L.GlobalAveragePooling2D(), L.Dense(CLASSES, activation="softmax")]
    return keras.Sequential([keras.Input((14, 14, 512)), *layers, *end]), keras.optimizers.SGD(1e-4)


jobs = {}
for line in sys.stdin:
    name, batch = line.split()
    if line not in jobs:
        model, optimizer = {"head": head, "block5": block5}[name]()
        model.compile(optimizer, "categorical_crossentropy")
        random = np.random.default_rng(0)
        x = random.uniform(0, 1, (int(batch), *model.input_shape[1:])).astype("float32")
        y = np.eye(CLASSES, dtype="float32")[random.integers(0, CLASSES, int(batch))]
        jobs[line] = (model, x, y)
    model, x, y = jobs[line]
    start = time.perf_counter()
    model.train_on_batch(x, y)
    print((time.perf_counter() - start) * 1000, flush=True)

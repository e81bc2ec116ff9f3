# /// script
# requires-python = ">=3.10"
# dependencies = ["h5py==3.14.0", "numpy==2.4.6"]
# ///
"""The peer of the HDF5 bench: h5py doing the same with the same rows.

hdf5_peer.py write FILE ROWS WIDTH   -> {"write": rows per second until the disk has them}
hdf5_peer.py read FILE ROWS WIDTH    -> {"sequential": rows per second in batches, "shuffled": in single rows}
"""

import json
import os
import sys
import time

import h5py
import numpy as np

BATCH = 32


def rate(rows, work):
    start = time.perf_counter()
    work()
    return rows / (time.perf_counter() - start)


def write(path, rows, width):
    batch = np.zeros((BATCH, width), "float32")
    batch.ravel()[::5] = 1.5

    def work():
        with h5py.File(path, "w") as file:
            features = file.create_dataset("features", (rows, width), "float32")
            for first in range(0, rows, BATCH):
                features[first : first + BATCH] = batch
        with open(path, "r+b") as file:
            os.fsync(file.fileno())

    return {"write": rate(rows, work)}


def read(path, rows, width):
    with h5py.File(path, "r") as file:
        features = file["features"]
        batch = np.empty((BATCH, width), "float32")

        def sequential():
            for first in range(0, rows, BATCH):
                features.read_direct(batch, np.s_[first : first + BATCH])

        order = np.random.RandomState(1).permutation(rows)

        def one_by_one():
            for i, row in enumerate(order):
                batch[i % BATCH] = features[row]

        def one_by_one_direct():
            for i, row in enumerate(order):
                features.read_direct(batch, np.s_[row], np.s_[i % BATCH])

        sequential()
        return {
            "sequential": rate(rows, sequential),
            # Whichever of the two ways is the faster one.
            "shuffled": max(rate(rows, one_by_one), rate(rows, one_by_one_direct)),
        }


task, path, rows, width = sys.argv[1:]
print(json.dumps({"write": write, "read": read}[task](path, int(rows), int(width))))

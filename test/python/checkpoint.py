"""Reads a checkpoint with h5py: prints its arrays by their paths, and its description, as JSON.

checkpoint.py <file>
"""

import json
import sys

import h5py

arrays = {}


def visit(path, item):
    if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
        arrays[path] = {"shape": item.shape, "data": [float(value) for value in item[()].ravel()]}


with h5py.File(sys.argv[1]) as file:
    file.visititems(visit)
    description = json.loads(file["training"].asstr()[0])
print(json.dumps({"arrays": arrays, "description": description}))

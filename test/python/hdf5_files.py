"""Tells what h5py finds in each HDF5 file named on the command line, as JSON: shapes, types, values, strings, attributes."""

import base64
import json
import sys
import zlib

import h5py
import numpy as np


def plain(value):
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value


def contents(path):
    datasets = {}
    with h5py.File(path, "r") as file:
        attributes = {key: plain(value) for key, value in file.attrs.items()}
        for name, dataset in file.items():
            if h5py.check_string_dtype(dataset.dtype):
                info = h5py.check_string_dtype(dataset.dtype)
                datasets[name] = {
                    "dtype": f"{info.encoding} {'variable' if info.length is None else info.length}",
                    "shape": dataset.shape,
                    "strings": list(dataset.asstr()[()]),
                    "attributes": {key: plain(value) for key, value in dataset.attrs.items()},
                    "crc32": zlib.crc32(b"".join(text + b"\0" for text in dataset[()])),
                }
                continue
            data = dataset[()]
            datasets[name] = {
                "dtype": dataset.dtype.str,
                "shape": dataset.shape,
                "chunks": dataset.chunks,
                "offset": dataset.id.get_offset(),
                "bytes": base64.b64encode(data.tobytes()).decode(),
                "attributes": {key: plain(value) for key, value in dataset.attrs.items()},
                "crc32": zlib.crc32(data.tobytes()),
            }
        superblock = file.id.get_create_plist().get_version()[0]
    return {"superblock": superblock, "attributes": attributes, "datasets": datasets}


print(json.dumps([contents(path) for path in sys.argv[1:]]))

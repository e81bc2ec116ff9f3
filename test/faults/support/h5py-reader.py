# /// script
# requires-python = ">=3.10"
# dependencies = ["h5py==3.14.0", "numpy==2.4.6"]
# ///
"""Opens each file named on standard input and reads everything in it.

Prints one line of JSON per file: its datasets with shape, dtype and CRC-32 of their values, or the error.
"""

import json
import sys
import zlib

import h5py


def describe(path):
    with h5py.File(path, "r") as file:
        datasets = {}
        for name, dataset in file.items():
            values = dataset.asstr()[()] if h5py.check_string_dtype(dataset.dtype) else dataset[()]
            content = "\n".join(values).encode() if values.dtype == object else values.tobytes()
            datasets[name] = {"shape": list(dataset.shape), "dtype": str(dataset.dtype), "crc32": zlib.crc32(content)}
        attributes = {name: str(value) for name, value in file.attrs.items()}
    return {"datasets": datasets, "attributes": attributes}


for line in sys.stdin:
    try:
        print(json.dumps(describe(line.rstrip("\n"))))
    except Exception as error:
        print(json.dumps({"error": repr(error)}))

"""Tells what h5py with hdf5plugin finds in the compressed files named on the command line, as JSON."""

import base64
import json
import sys

import h5py
import hdf5plugin  # noqa: F401  Registers its filters.


def contents(path):
    with h5py.File(path, "r") as file:
        features = file["features"]
        return {
            "filters": list(features._filters),
            "chunks": features.chunks,
            "shape": features.shape,
            "dtype": features.dtype.str,
            "bytes": base64.b64encode(features[()].tobytes()).decode(),
            "plain": sum(
                1
                for i in range(features.id.get_num_chunks())
                if features.id.get_chunk_info(i).filter_mask != 0
            ),
        }


print(json.dumps([contents(path) for path in sys.argv[1:]]))

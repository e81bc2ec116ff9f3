"""Times a search with h5py and numpy: search_peer.py <file> <metric> <questions> <top> <rounds>. Prints JSON.

Each round reads the file once, in parts of 2,048 rows, as nearestRows does.
"""

import json
import sys
import time

import h5py
import numpy as np

path, metric, count, top, rounds = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
part = 2048


def search(questions: np.ndarray) -> np.ndarray:
    distances = []
    with h5py.File(path) as file:
        features = file["features"]
        for start in range(0, len(features), part):
            rows = features[start : start + part]
            products = questions @ rows.T
            squares = np.einsum("ij,ij->i", rows, rows)
            if metric == "cosine":
                distances.append(1 - products / np.sqrt(squares) / np.linalg.norm(questions, axis=1)[:, None])
            else:
                own = np.einsum("ij,ij->i", questions, questions)
                distances.append(np.sqrt(np.maximum(own[:, None] + squares - 2 * products, 0)))
    all_distances = np.concatenate(distances, 1)
    nearest = np.argpartition(all_distances, top, axis=1)[:, :top]
    order = np.argsort(np.take_along_axis(all_distances, nearest, 1), axis=1)
    return np.take_along_axis(nearest, order, 1)


with h5py.File(path) as file:
    width = file["features"].shape[1]
questions = np.random.RandomState(2).random_sample((count, width)).astype(np.float32)
seconds = []
for _ in range(rounds):
    start = time.perf_counter()
    found = search(questions)
    seconds.append(time.perf_counter() - start)
print(json.dumps({"seconds": seconds, "rows": found[0].tolist()}))

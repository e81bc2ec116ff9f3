"""Times scikit-learn's LogisticRegression on a feature file: logistic_peer.py FILE ITERATIONS. Prints JSON.

It computes in the type of the rows: once in 64 bits, as this library sums, and once in the file's 32 bits. Loading counts.
"""

import json
import sys
import time
import warnings

import h5py
from sklearn.linear_model import LogisticRegression

warnings.simplefilter("ignore")


def fit(dtype):
    start = time.perf_counter()
    with h5py.File(sys.argv[1]) as file:
        x, y = file["features"].astype(dtype)[()], file["labels"][()]
    model = LogisticRegression(C=0.1, tol=0, max_iter=int(sys.argv[2])).fit(x, y)
    return {
        "seconds": time.perf_counter() - start,
        "iterations": int(model.n_iter_[0]),
        "coefficient": float(model.coef_[0, 0]),
    }


print(json.dumps({"float64": fit("float64"), "float32": fit("float32")}))

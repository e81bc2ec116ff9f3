"""Times scikit-learn's LogisticRegression on a feature file: logistic_peer.py <file> <iterations>. Prints JSON."""

import json
import sys
import time
import warnings

import h5py
from sklearn.linear_model import LogisticRegression

warnings.simplefilter("ignore")
start = time.perf_counter()
with h5py.File(sys.argv[1]) as file:
    x, y = file["features"][()].astype(float), file["labels"][()]
loaded = time.perf_counter()
model = LogisticRegression(C=0.1, tol=0, max_iter=int(sys.argv[2])).fit(x, y)
print(
    json.dumps(
        {
            "load": loaded - start,
            "fit": time.perf_counter() - loaded,
            "iterations": int(model.n_iter_[0]),
            "coefficient": float(model.coef_[0, 0]),
        }
    )
)

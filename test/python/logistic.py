"""Fits scikit-learn to the features of an HDF5 file as this library has, and opens the models that it saved in Keras.

logistic.py <jobs.json>: a list of {"file", "train", "test", "classes", "Cs", "standardize", "model", "keras": [...]}.
`train` and `test` are rows of the file, `classes` the labels that take part. Prints a list of results as JSON.
"""

import json
import sys
import warnings

import h5py
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def probabilities(keras_name, path, x):
    if keras_name == "keras":
        import keras
    else:
        import tf_keras as keras
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = keras.models.load_model(path)
        return np.asarray(model.predict(x, verbose=0), dtype=float)


def check(job):
    with h5py.File(job["file"]) as file:
        x, y = file["features"][()], file["labels"][()]
    train, test = np.array(job["train"]), np.array(job["test"])
    regression = LogisticRegression()
    model = make_pipeline(StandardScaler(), regression) if job["standardize"] else regression
    key = "logisticregression__C" if job["standardize"] else "C"
    search = GridSearchCV(model, {key: job["Cs"]}, cv=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(x[train].astype(float), y[train])
    best = search.best_estimator_
    fitted = best[-1] if job["standardize"] else best
    coef, intercept = fitted.coef_, fitted.intercept_
    if job["standardize"]:
        coef = coef / best[0].scale_
        intercept = intercept - coef @ best[0].mean_
    unseen = x[test].astype(float)
    folds = [search.cv_results_[f"split{fold}_test_score"] for fold in range(3)]
    predicted = best.predict_proba(unseen)
    return {
        "scores": np.transpose(folds).tolist(),
        "best": search.best_params_[key],
        "coefficients": coef.ravel().tolist(),
        "intercepts": intercept.tolist(),
        "accuracy": best.score(unseen, y[test]),
        "predicted": best.predict(unseen).tolist(),
        "probabilities": predicted.ravel().tolist(),
        "keras": {name: float(np.abs(probabilities(name, job["model"], x[test]) - predicted).max()) for name in job["keras"]},
    }


with open(sys.argv[1]) as file:
    jobs = json.load(file)
print(json.dumps([check(job) for job in jobs]))

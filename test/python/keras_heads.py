"""Opens Keras files written by this library in real Keras, compares predictions, trains on, and saves them again.

keras_heads.py <jobs.json>: a list of {"file", "keras": "keras" | "tf_keras", "inputs", "predictions", "loss"?, "resaved"}.
Prints a list of results as JSON. A warning is an error.
"""

import json
import sys
import warnings

import numpy as np

KEYS = ("learning_rate", "beta_1", "beta_2", "epsilon", "weight_decay", "clipnorm", "global_clipnorm", "clipvalue")


def array(values):
    return np.array(values["data"], "float32").reshape(values["shape"])


def check(job):
    if job["keras"] == "keras":
        import keras
    else:
        import tf_keras as keras
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # A compiled `.keras` file of ours has no slots of the optimizer, of which Keras 3 tells; `fit` begins with new ones.
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        # Keras 2 knows the slope of a LeakyReLU by no other name.
        warnings.filterwarnings("ignore", "Argument `alpha` is deprecated")
        model = keras.models.load_model(job["file"])
        inputs = [array(one) for one in job["inputs"]]
        x = inputs if len(inputs) > 1 else inputs[0]
        predicted = model.predict(x, verbose=0)
    predicted = predicted if isinstance(predicted, list) else [predicted]
    expected = [array(one) for one in job["predictions"]]
    assert [p.shape for p in predicted] == [e.shape for e in expected]
    result = {
        "version": keras.__version__,
        "error": max(float(np.abs(p - e).max() / np.abs(e).max()) for p, e in zip(predicted, expected)),
        "layers": [layer.name for layer in model.layers],
    }
    if "classes" in job:
        y = np.eye(expected[0].shape[1], dtype="float32")[job["classes"]]
        loss, accuracy = model.evaluate(x, y, verbose=0)
        history = model.fit(x, y, epochs=4, verbose=0, shuffle=False).history
        model.save(job["resaved"])
        result |= {
            "loss": loss,
            "accuracy": accuracy,
            "history": history,
            "optimizer": {k: float(v) for k, v in model.optimizer.get_config().items() if k in KEYS and v is not None},
            "resavedPredictions": [float(v) for v in np.ravel(model.predict(x, verbose=0))],
        }
    return result


with open(sys.argv[1]) as file:
    jobs = json.load(file)
print(json.dumps([check(job) for job in jobs]))

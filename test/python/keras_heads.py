"""Opens Keras files written by this library in real Keras, compares predictions, trains on, and saves them again.

keras_heads.py <jobs.json>: a list of {"file", "keras": "keras" | "tf_keras", "inputs", "predictions", "loss"?, "resaved"}.
Prints a list of results as JSON. A warning is an error.
"""

import json
import sys
import warnings

import numpy as np



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
        model = keras.models.load_model(job["file"])
        inputs = [array(one) for one in job["inputs"]]
        x = inputs if len(inputs) > 1 else inputs[0]
        predicted = model.predict(x, verbose=0)
    predicted = predicted if isinstance(predicted, list) else [predicted]
    expected = [array(one) for one in job["predictions"]]
    assert [p.shape for p in predicted] == [e.shape for e in expected]
    result = {
        "version": keras.__version__,
        "backend": keras.backend.backend(),
        "error": max(float(np.abs(p - e).max() / np.abs(e).max()) for p, e in zip(predicted, expected)),
        "layers": [layer.name for layer in model.layers],
    }
    if "targets" in job:
        y = array(job["targets"])
        loss, figure = model.evaluate(x, y, verbose=0)
        history = model.fit(x, y, epochs=4, verbose=0, shuffle=False).history
        model.save(job["resaved"])
        result |= {
            "loss": loss,
            "figure": figure,
            "history": history,
            "optimizer": {k: float(v) for k, v in model.optimizer.get_config().items() if isinstance(v, (bool, int, float, np.number))},
            "resavedLoss": model.evaluate(x, y, verbose=0)[0],
            "resavedPredictions": [float(v) for v in np.ravel(model.predict(x, verbose=0))],
        }
    return result


with open(sys.argv[1]) as file:
    jobs = json.load(file)
print(json.dumps([check(job) for job in jobs]))

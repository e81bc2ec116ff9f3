"""Opens fine-tuned models of this library in real Keras, compares predictions, and goes on training them there.

fine_tuned.py <jobs.json>: a list of {"file", "pixels", "shape", "mode", "predictions", "targets"}; pixels are bytes 0 to 255 in
base64. Prints a list of results as JSON. A warning is an error.
"""

import base64
import json
import sys
import warnings

import keras
import numpy as np


def check(job):
    pixels = np.frombuffer(base64.b64decode(job["pixels"]), np.uint8).reshape(job["shape"])
    x = keras.applications.imagenet_utils.preprocess_input(pixels.astype("float32"), mode=job["mode"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # A compiled `.keras` file of ours has no slots of the optimizer, of which Keras 3 tells; `fit` begins with new ones.
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        model = keras.models.load_model(job["file"])
    predicted = model.predict(x, verbose=0)
    expected = np.array(job["predictions"], "float32").reshape(predicted.shape)
    before = {layer.name: layer.get_weights() for layer in model.layers}
    frozen = [layer.name for layer in model.layers if layer.weights and not layer.trainable]
    y = np.array(job["targets"], "float32").reshape(expected.shape)
    evaluated = model.evaluate(x, y, verbose=0)
    history = model.fit(x, y, epochs=6, verbose=0, shuffle=False).history
    same = [name for name, own in before.items() if own and all(np.array_equal(a, b) for a, b in zip(own, model.get_layer(name).get_weights()))]
    return {
        "error": float(np.abs(predicted - expected).max()),
        "layers": [layer.name for layer in model.layers],
        "frozen": frozen,
        "unchanged": same,
        "loss": evaluated[0],
        "figure": evaluated[1],
        "history": history["loss"],
        "optimizer": type(model.optimizer).__name__,
        "learningRate": float(model.optimizer.learning_rate),
    }


with open(sys.argv[1]) as file:
    jobs = json.load(file)
print(json.dumps([check(job) for job in jobs]))

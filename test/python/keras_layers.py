"""Random networks over all layers that the library supports, built and saved by real Keras.

make FOLDER SEED COUNT: saves COUNT networks as FOLDER/<i>.h5 or .keras, with random weights, and writes FOLDER/made.json:
for each the path, the layers' classes, inputs and what Keras computes for them. Network i has at least kind i of NAMES,
and all of NAMES stand there too.

check FILE [tf_keras]: FILE is a JSON list of {path, inputs, outputs}; loads each path and prints, as one line of JSON, for each the
greatest difference of Keras's outputs from the given ones, relative to their greatest value, and the classes.
"""

import base64
import importlib
import json
import os
import random
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from keras import layers as kl
from keras.src.applications import convnext, inception_resnet_v2

ACTIVATIONS = [
    "linear", "elu", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu", "log_sigmoid", "log_softmax", "mish",
    "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "soft_shrink", "softplus", "softsign",
    "sparse_plus", "sparse_sigmoid", "squareplus", "tanh", "tanh_shrink",
]
# Activations that are written as layers which both versions have.
WRITTEN_AS_OTHERS = ["hard_sigmoid", "leaky_relu"]
CUSTOM = {
    "CustomScaleLayer": inception_resnet_v2.CustomScaleLayer,
    "LayerScale": convnext.LayerScale,
    "StochasticDepth": convnext.StochasticDepth,
}


def window(r, x):
    """Settings of a window over an image or a row, which it always fits."""
    rank = len(x.shape) - 2
    size = [r.randint(1, min(3, n)) for n in x.shape[1:-1]]
    dilation = [1] * rank
    strides = [1] * rank
    # TensorFlow wants equal strides of a depthwise convolution, and no strides together with dilation.
    if r.random() < 0.5:
        strides = [r.randint(1, 2)] * rank
    padding = r.choice(["valid", "same"])
    if padding == "same" and strides == [1] * rank and r.random() < 0.5:
        dilation = [2] * rank
    return {"kernel_size": size, "strides": strides, "padding": padding, "dilation_rate": dilation}


def ending(r):
    return {"activation": activation(r), "use_bias": r.random() < 0.8}


def activation(r):
    return kl.LeakyReLU(0.3) if r.random() < 0.1 else r.choice(ACTIVATIONS)


def all_axes(x):
    return list(range(1, len(x.shape)))


def pool(r, x):
    size = [r.randint(1, min(3, n)) for n in x.shape[1:-1]]
    return {"pool_size": size, "strides": [r.randint(1, 2) for _ in size], "padding": r.choice(["valid", "same"])}


def transposed(r, x):
    size, strides = r.randint(1, 3), r.randint(1, 2)
    padding = r.choice(["valid", "same"])
    extra = r.choice([None, 0, 1]) if strides == 2 and size > 1 else None
    if padding == "same" and size == 2 and extra == 0:
        extra = 1  # Keras makes the output one too short for TensorFlow.
    return {"kernel_size": size, "strides": strides, "padding": padding, "output_padding": extra}


def merge(make):
    def layer(r, x):
        other = kl.Dense(x.shape[-1], activation="tanh")(x)
        if r.random() < 0.3 and len(x.shape) == 4:
            other = kl.GlobalAveragePooling2D(keepdims=True)(other)
        return make(r)([x, other])

    return layer


def divisor(r, n):
    return r.choice([d for d in range(1, n + 1) if n % d == 0])


def small(x):
    return all(n <= 16 for n in x.shape[1:-1])


IMAGE = {
    "Conv2D": lambda r, x: kl.Conv2D(2 * r.randint(1, 3), **window(r, x), **ending(r)),
    "Conv2D grouped": lambda r, x: kl.Conv2D(
        (g := divisor(r, x.shape[-1])) * r.randint(1, 2), 2, padding="same", groups=g, **ending(r)
    ),
    "DepthwiseConv2D": lambda r, x: kl.DepthwiseConv2D(depth_multiplier=r.randint(1, 2), **window(r, x), **ending(r)),
    "SeparableConv2D": lambda r, x: kl.SeparableConv2D(
        r.randint(2, 5), depth_multiplier=r.randint(1, 2), **window(r, x), **ending(r)
    ),
    "Conv2DTranspose": lambda r, x: kl.Conv2DTranspose(r.randint(2, 5), **transposed(r, x), **ending(r)) if small(x) else None,
    "MaxPooling2D": lambda r, x: kl.MaxPooling2D(**pool(r, x)),
    "AveragePooling2D": lambda r, x: kl.AveragePooling2D(**pool(r, x)),
    "GlobalAveragePooling2D": lambda r, x: kl.GlobalAveragePooling2D(keepdims=r.random() < 0.5),
    "GlobalMaxPooling2D": lambda r, x: kl.GlobalMaxPooling2D(keepdims=r.random() < 0.5),
    "ZeroPadding2D": lambda r, x: kl.ZeroPadding2D(((r.randint(0, 2), 1), (0, r.randint(0, 2)))),
    "Cropping2D": lambda r, x: kl.Cropping2D(((1, 0), (0, r.randint(0, 1)))) if min(x.shape[1:3]) > 2 else None,
    "UpSampling2D": lambda r, x: kl.UpSampling2D(
        (r.randint(1, 2), 2), interpolation=r.choice(["nearest", "bilinear"])
    ) if small(x) else None,
    "Resizing": lambda r, x: kl.Resizing(r.randint(3, 9), r.randint(3, 9), interpolation=r.choice(["nearest", "bilinear"])),
    "Resizing resampled": lambda r, x: kl.Resizing(
        r.randint(3, 9), r.randint(3, 9), interpolation=r.choice(["bilinear", "bicubic", "lanczos3"]), antialias=True
    ),
    "Resizing in aspect": lambda r, x: kl.Resizing(
        r.randint(3, 9), r.randint(3, 9), **{r.choice(["crop_to_aspect_ratio", "pad_to_aspect_ratio"]): True}
    ),
    "AdaptiveAveragePooling2D": lambda r, x: kl.AdaptiveAveragePooling2D((r.randint(1, 4), r.randint(1, 4))),
    "AdaptiveMaxPooling2D": lambda r, x: kl.AdaptiveMaxPooling2D((r.randint(1, 4), r.randint(1, 4))),
    "RandomCrop": lambda r, x: kl.RandomCrop(*x.shape[1:3]),
    "Softmax of images": lambda r, x: kl.Softmax(axis=(1, 2)),
    "CenterCrop": lambda r, x: kl.CenterCrop(r.randint(1, x.shape[1]), r.randint(1, x.shape[2])),
    "SpatialDropout2D": lambda r, x: kl.SpatialDropout2D(0.3),
    "LayerScale": lambda r, x: convnext.LayerScale(0.5, x.shape[-1]),
    "StochasticDepth": lambda r, x: convnext.StochasticDepth(0.2),
    "RandomFlip": lambda r, x: kl.RandomFlip("horizontal"),
    "RandomRotation": lambda r, x: kl.RandomRotation(0.1, fill_mode="nearest"),
    "RandomZoom": lambda r, x: kl.RandomZoom((-0.1, 0.2)),
    "RandomTranslation": lambda r, x: kl.RandomTranslation(0.1, 0.2),
    "RandomContrast": lambda r, x: kl.RandomContrast(0.2),
    "RandomBrightness": lambda r, x: kl.RandomBrightness(0.2),
    "rows": lambda r, x: kl.Reshape((-1, x.shape[-1])),
}
ROWS = {
    "Conv1D": lambda r, x: kl.Conv1D(r.randint(2, 5), **window(r, x), **ending(r)),
    "Conv1D causal": lambda r, x: kl.Conv1D(r.randint(2, 5), 3, padding="causal", dilation_rate=2, **ending(r)),
    "DepthwiseConv1D": lambda r, x: kl.DepthwiseConv1D(
        **{**window(r, x), "dilation_rate": 1}, depth_multiplier=2, **ending(r)
    ),
    "SeparableConv1D": lambda r, x: kl.SeparableConv1D(r.randint(2, 5), **{**window(r, x), "dilation_rate": 1}, **ending(r)),
    "Conv1DTranspose": lambda r, x: kl.Conv1DTranspose(r.randint(2, 5), **transposed(r, x), **ending(r)),
    "MaxPooling1D": lambda r, x: kl.MaxPooling1D(**{k: v[0] if k != "padding" else v for k, v in pool(r, x).items()}),
    "AveragePooling1D": lambda r, x: kl.AveragePooling1D(
        **{k: v[0] if k != "padding" else v for k, v in pool(r, x).items()}
    ),
    "GlobalAveragePooling1D": lambda r, x: kl.GlobalAveragePooling1D(keepdims=r.random() < 0.5),
    "GlobalMaxPooling1D": lambda r, x: kl.GlobalMaxPooling1D(keepdims=r.random() < 0.5),
    "ZeroPadding1D": lambda r, x: kl.ZeroPadding1D((r.randint(0, 2), 1)),
    "Cropping1D": lambda r, x: kl.Cropping1D((1, r.randint(0, 1))) if x.shape[1] > 2 else None,
    "UpSampling1D": lambda r, x: kl.UpSampling1D(2),
    "SpatialDropout1D": lambda r, x: kl.SpatialDropout1D(0.3),
}
ANY = {
    "Dense": lambda r, x: kl.Dense(r.randint(2, 6), **ending(r)),
    "BatchNormalization": lambda r, x: kl.BatchNormalization(center=r.random() < 0.7, scale=r.random() < 0.7),
    "LayerNormalization": lambda r, x: kl.LayerNormalization(
        axis=r.choice([-1, all_axes(x)]), center=r.random() < 0.7, scale=r.random() < 0.7
    ),
    "GroupNormalization": lambda r, x: kl.GroupNormalization(groups=divisor(r, x.shape[-1]), epsilon=1e-2),
    "BatchNormalization of another axis": lambda r, x: kl.BatchNormalization(axis=r.randint(1, len(x.shape) - 1)),
    "RMSNormalization": lambda r, x: kl.RMSNormalization(axis=r.choice([-1, all_axes(x)])),
    "UnitNormalization": lambda r, x: kl.UnitNormalization(axis=r.choice([-1, all_axes(x)])),
    "Rescaling": lambda r, x: kl.Rescaling(0.5, offset=r.choice([0.25, [0.1 * i for i in range(x.shape[-1])]])),
    "Normalization": lambda r, x: kl.Normalization(
        axis=r.choice([-1, None, all_axes(x)]), invert=r.random() < 0.3
    ),
    "Normalization known": lambda r, x: kl.Normalization(
        mean=[0.1 * i for i in range(x.shape[-1])], variance=[1.0 + i for i in range(x.shape[-1])]
    ),
    "Activation": lambda r, x: kl.Activation(r.choice(ACTIVATIONS)),
    "Softmax": lambda r, x: kl.Softmax(axis=r.randint(1, len(x.shape) - 1)),
    "ReLU": lambda r, x: kl.ReLU(r.choice([None, 6]), r.choice([0, 0.1]), r.choice([0, 0.25])),
    "LeakyReLU": lambda r, x: kl.LeakyReLU(0.2),
    "ELU": lambda r, x: kl.ELU(0.7),
    "PReLU": lambda r, x: kl.PReLU(shared_axes=r.choice([None, [1]]) if len(x.shape) > 2 else None),
    "Add": merge(lambda r: kl.Add()),
    "Subtract": merge(lambda r: kl.Subtract()),
    "Multiply": merge(lambda r: kl.Multiply()),
    "Average": merge(lambda r: kl.Average()),
    "Maximum": merge(lambda r: kl.Maximum()),
    "Minimum": merge(lambda r: kl.Minimum()),
    "Dot": lambda r, x: kl.Dot(axes=-1, normalize=r.random() < 0.5)([x, kl.Dense(x.shape[-1], activation="tanh")(x)])
    if len(x.shape) < 4
    else None,
    "CustomScaleLayer": merge(lambda r: inception_resnet_v2.CustomScaleLayer(0.25)),
    "Concatenate": lambda r, x: kl.Concatenate(axis=r.randint(1, len(x.shape) - 1))([x, kl.Dense(x.shape[-1])(x)]),
    "Identity": lambda r, x: kl.Identity(),
    "Permute": lambda r, x: kl.Permute(r.sample(range(1, len(x.shape)), len(x.shape) - 1)),
    "Reshape": lambda r, x: kl.Reshape((*x.shape[1:-1], x.shape[-1], 1)) if len(x.shape) == 3 else None,
    "Dropout": lambda r, x: kl.Dropout(0.4),
    "GaussianDropout": lambda r, x: kl.GaussianDropout(0.4),
    "AlphaDropout": lambda r, x: kl.AlphaDropout(0.4),
    "GaussianNoise": lambda r, x: kl.GaussianNoise(0.4),
    "ActivityRegularization": lambda r, x: kl.ActivityRegularization(0.01, 0.02),
}
VECTOR = {"RepeatVector": lambda r, x: kl.RepeatVector(r.randint(2, 4))}
FLAT = {"Flatten": lambda r, x: kl.Flatten()}
NAMES = [*IMAGE, *ROWS, *ANY, *VECTOR, *FLAT]
START = {**dict.fromkeys(ROWS, (9, 4)), **dict.fromkeys(VECTOR, (5,))}


def candidates(x):
    by_rank = {4: {**IMAGE, **ANY, **FLAT}, 3: {**ROWS, **ANY, **FLAT}, 2: {**ANY, **VECTOR}}
    return by_rank[len(x.shape)]


def build(r, must):
    inputs = keras.Input(START.get(must, (r.randint(5, 9), r.randint(5, 9), 2 * r.randint(1, 2))))
    x, wanted = inputs, must
    for step in range(r.randint(4, 8)):
        known = candidates(x)
        name = wanted if wanted in known and step >= (0 if wanted in START else 1) else r.choice(list(known))
        if name == wanted:
            wanted = None
        layer = known[name](r, x)
        if layer is None:
            continue
        if isinstance(layer, keras.KerasTensor):
            x = layer
        else:
            x = layer(x)
        if wanted is None and np.prod(x.shape[1:]) > 3000:
            break
    return keras.Model(inputs, x), wanted is None


def set_weights(model, rng):
    for layer in model.layers:
        values = []
        for weight in layer.weights:
            name, shape = weight.name, tuple(weight.shape)
            if "variance" in name or "gamma" in name or isinstance(layer, convnext.LayerScale):
                values.append(rng.uniform(0.5, 1.5, shape))
            elif "kernel" in name:
                values.append(rng.uniform(-1, 1, shape) * np.sqrt(3 / max(1, np.prod(shape[:-1]))))
            else:
                values.append(rng.uniform(-0.5, 0.5, shape))
        layer.set_weights(values)
        if isinstance(layer, kl.Normalization):
            layer.finalize_state()


def encode(array):
    array = np.ascontiguousarray(array, "<f4")
    return {"shape": list(array.shape), "data": base64.b64encode(array.tobytes()).decode()}


def decode(value):
    return np.frombuffer(base64.b64decode(value["data"]), "<f4").reshape(value["shape"])


def run(model, inputs):
    outputs = model(inputs, training=False)
    return keras.ops.convert_to_numpy(outputs[0] if isinstance(outputs, (list, tuple)) else outputs)


def fits_h5(model):
    """Whether Keras 3.15 can save it as HDF5. RandomBrightness it can't: `value_range` there is a list that Keras tracks,
    and a copy of its config reaches, through the tracker, a module ("cannot pickle 'module' object")."""
    return not any(isinstance(layer, kl.RandomBrightness) for layer in model.layers)


def make(folder, seed, count):
    made = []
    for index in range(count):
        must = NAMES[index % len(NAMES)]
        for attempt in range(100):
            keras.backend.clear_session()
            r = random.Random(f"{seed} {index} {attempt}")
            rng = np.random.RandomState([seed, index, attempt])
            model, complete = build(r, must)
            if not complete:
                continue
            set_weights(model, rng)
            inputs = rng.uniform(-2, 2, (2, *model.inputs[0].shape[1:])).astype("float32")
            outputs = run(model, inputs)
            if np.isfinite(outputs).all() and 1e-2 < np.abs(outputs).max() < 1e4:
                break
        else:
            raise RuntimeError(f"no network with {must}")
        path = f"{folder}/{index}.{'keras' if index % 3 == 0 or not fits_h5(model) else 'h5'}"
        model.save(path)
        made.append({
            "path": path,
            "must": must,
            "classes": [type(layer).__name__ for layer in model.layers],
            "parameters": model.count_params(),
            "missingInKeras2": missing_in_keras2(model),
            "inputs": encode(inputs),
            "outputs": encode(outputs),
        })
    with open(f"{folder}/made.json", "w") as file:
        json.dump({"kinds": NAMES, "networks": made}, file)


def missing_in_keras2(model):
    """What of a model Keras 2 does not have: classes, activations and settings, by name."""
    import tf_keras

    missing = set()
    for layer in model.layers:
        name = type(layer).__name__
        written_as_others = name in CUSTOM or name.startswith("Adaptive")
        if not hasattr(tf_keras.layers, name) and not written_as_others:
            missing.add(name)
        function = layer.get_config().get("activation")
        if isinstance(function, str) and not hasattr(tf_keras.activations, function) and function not in WRITTEN_AS_OTHERS:
            missing.add(function)
        if getattr(layer, "antialias", False):
            missing.add("antialias")
    return sorted(missing)


def check(jobs, library):
    results = []
    for job in jobs:
        model = library.models.load_model(job["path"])
        outputs, expected = run(model, decode(job["inputs"])), decode(job["outputs"])
        results.append({
            "error": float(np.abs(outputs - expected).max() / np.abs(expected).max()),
            "classes": [type(layer).__name__ for layer in model.layers],
        })
    return results


if sys.argv[1] == "make":
    make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    with open(sys.argv[2]) as file:
        library = keras if len(sys.argv) == 3 else importlib.import_module(sys.argv[3])
        print(json.dumps(check(json.load(file), library)))

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "keras==3.15.1", "tensorflow-cpu==2.21.0", "numpy==2.4.6", "h5py==3.14.0", "pillow==12.3.0", "scikit-learn==1.9.1",
# ]
# ///
"""Makes the file that ships, assets/vgg-mini.h5, of a checkpoint of train.py, and measures it.

    python training/vgg-mini/export.py --data ../shared/data/tiny_imagenet --animals ../shared/data/animals \
        --checkpoint output/vgg-mini --output assets/vgg-mini.h5 --figures docs/vgg-mini

1. The means and variances of the batch normalizations are measured anew, on training pictures as they are: while
   training, moving averages of varied pictures stood for them.
2. Each batch normalization is folded into the convolution before it. What is left is plain convolution and relu.
3. Keras saves the model; its weights are then stored as float16, and the names of the classes beside them. Keras reads
   the file as any other.
4. Folded float32, float16 from the file, and the features' worth are measured. `--figures`: figures.json, log.csv and
   curve.svg go there.
"""

import argparse
import csv
import json
import os
import shutil
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import h5py  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
from network import BLOCKS, build, floating_point_operations  # noqa: E402
from PIL import Image  # noqa: E402
from pictures import Pictures, class_names, preprocess, read_pictures  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import GridSearchCV, train_test_split  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

CALIBRATION = 5200


def trained(checkpoint: Path, classes: int) -> keras.Model:
    model = build(classes, normalised=True)
    with np.load(checkpoint / "checkpoint.npz") as saved:
        model.set_weights([saved[f"weight{i}"] for i in range(len(model.weights))])
    return model


def measure_normalizations(model: keras.Model, pixels: np.ndarray) -> None:
    """Sets each mean and variance, from the first layer on, to that of its values on these pictures."""
    for layer in [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]:
        values = keras.Model(model.input, layer.input)
        count, total, squares = 0, 0.0, 0.0
        for start in range(0, len(pixels), 260):
            part = np.asarray(values(preprocess(pixels[start : start + 260]), training=False), np.float64)
            count += part.size // part.shape[-1]
            total = total + part.sum((0, 1, 2))
            squares = squares + (part**2).sum((0, 1, 2))
        mean = total / count
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(squares / count - mean**2)


def folded(model: keras.Model, classes: int) -> keras.Model:
    """The same function without batch normalization."""
    plain = build(classes, normalised=False)
    for layer in plain.layers:
        if isinstance(layer, keras.layers.Conv2D):
            normalization = model.get_layer(f"{layer.name}_bn")
            gamma, beta, mean, variance = (np.asarray(weight, np.float64) for weight in normalization.get_weights())
            scale = gamma / np.sqrt(variance + normalization.epsilon)
            (kernel,) = model.get_layer(layer.name).get_weights()
            layer.set_weights([kernel * scale, beta - mean * scale])
        elif isinstance(layer, keras.layers.Dense):
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return plain


def save(model: keras.Model, output: Path, names: list[tuple[str, str]]) -> None:
    """Saves by Keras, then stores the weights as float16 and adds what the outputs are called."""
    output.parent.mkdir(parents=True, exist_ok=True)
    whole = output.with_suffix(".float32.h5")
    model.save(whole)
    with h5py.File(whole, "r") as source, h5py.File(output, "w", libver="earliest") as target:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                copied = target.create_dataset(name, data=item[()].astype(np.float16))
            else:
                copied = target.create_group(name)
            copied.attrs.update(item.attrs)

        source.visititems(copy)
        target.attrs.update(source.attrs)
        text = h5py.string_dtype("utf-8")
        target.create_dataset("label_names", data=[name for _, name in names], dtype=text)
        target.create_dataset("wordnet_numbers", data=[number for number, _ in names], dtype=text)
    whole.unlink()


def accuracy(model: keras.Model, pictures: Pictures) -> tuple[float, float]:
    """Top-1 and top-5, in parts of 1."""
    scores = np.concatenate(
        [np.asarray(model(preprocess(part), training=False)) for part in np.array_split(pictures.pixels, 16)]
    )
    # Written so that a score which is no number counts against the network.
    ranks = (~(scores <= np.take_along_axis(scores, pictures.labels[:, None], 1))).sum(1)
    return float((ranks < 1).mean()), float((ranks < 5).mean())


def animals_accuracy(model: keras.Model, folder: Path, size: int) -> dict[str, float]:
    """Logistic regression on the pooled features of cats, dogs and pandas."""
    files = sorted(folder.glob("*/*.jpg"))
    labels = [file.parent.name for file in files]
    pixels = np.stack(
        [np.asarray(Image.open(file).convert("RGB").resize((size, size), Image.Resampling.NEAREST)) for file in files]
    )
    maps = keras.Model(model.input, model.get_layer(f"block{len(BLOCKS)}_pool").output)
    features = np.concatenate(
        [np.asarray(maps(preprocess(part), training=False)).mean((1, 2)) for part in np.array_split(pixels, 10)]
    )
    accuracies = []
    for seed in range(20):
        train, test, train_labels, test_labels = train_test_split(
            features, labels, test_size=0.25, stratify=labels, random_state=seed
        )
        search = GridSearchCV(
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
            {"logisticregression__C": [0.001, 0.01, 0.1, 1.0]},
            cv=3,
        )
        accuracies.append(float(search.fit(train, train_labels).score(test, test_labels)))
    return {"seed0": accuracies[0], "mean_of_20_splits": float(np.mean(accuracies)), "least": min(accuracies)}


def curve(log: Path, output: Path) -> None:
    """Draws the accuracies of the log as a picture."""
    with log.open() as file:
        rows = list(csv.DictReader(file))
    width, height, left, top = 720, 360, 50, 20
    step = (width - left - 20) / (len(rows) - 1)

    def points(column: str) -> str:
        return " ".join(
            f"{left + index * step:.1f},{top + (height - 60) * (1 - float(row[column])):.1f}"
            for index, row in enumerate(rows)
        )

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for percent in range(0, 101, 20):
        y = top + (height - 60) * (1 - percent / 100)
        lines.append(f'<path d="M{left} {y:.1f}H{width - 20}" stroke="#ddd"/>')
        lines.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{percent} %</text>')
    for index, row in enumerate(rows):
        if index > 0 and row["size"] != rows[index - 1]["size"]:
            x = left + (index - 0.5) * step
            lines.append(f'<path d="M{x:.1f} {top}V{height - 40}" stroke="#bbb" stroke-dasharray="4"/>')
            lines.append(f'<text x="{x + 4:.1f}" y="{top + 12}">{row["size"]} x {row["size"]}</text>')
    for at, (column, colour, name) in enumerate(
        [("accuracy", "#999", "training, varied pictures"), ("val_top1", "#06c", "top-1"), ("val_top5", "#093", "top-5")]
    ):
        lines.append(f'<polyline points="{points(column)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines.append(f'<text x="{left + at * 190}" y="{height - 8}" fill="{colour}">{name}</text>')
    lines.append(f'<text x="{width - 20}" y="{height - 8}" text-anchor="end">{len(rows)} epochs</text>')
    output.write_text("\n".join([*lines, "</svg>"]) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes assets/vgg-mini.h5 of a checkpoint.")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.zip, val.zip and classes.tsv")
    parser.add_argument("--animals", type=Path, help="folder with a folder of photographs per class")
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder that train.py wrote")
    parser.add_argument("--output", type=Path, required=True, help="the file to make")
    parser.add_argument("--figures", type=Path, help="folder for figures.json, log.csv and curve.svg")
    options = parser.parse_args()

    names = class_names(options.data)
    with np.load(options.checkpoint / "checkpoint.npz") as saved:
        classes = len(saved[f"weight{len([name for name in saved if name.startswith('weight')]) - 1}"])
        epochs = int(saved["epoch"])
    names = names[:classes]
    training, validation = (read_pictures(options.data, part, classes) for part in ("train", "val"))
    model = trained(options.checkpoint, classes)
    before = accuracy(model, validation)
    chosen = np.random.RandomState(0).permutation(len(training.labels))[:CALIBRATION]
    measure_normalizations(model, training.pixels[chosen])
    plain = folded(model, classes)
    save(plain, options.output, names)
    stored = keras.models.load_model(options.output, compile=False)

    figures: dict[str, object] = {
        "epochs": epochs,
        "parameters": plain.count_params(),
        "parametersWithoutTop": plain.count_params() - sum(w.size for w in plain.get_layer("predictions").get_weights()),
        "gigaFlop64": floating_point_operations(64, None) / 1e9,
        "bytes": options.output.stat().st_size,
        "asTrained": dict(zip(["top1", "top5"], before, strict=True)),
        "float32": dict(zip(["top1", "top5"], accuracy(plain, validation), strict=True)),
        "float16": dict(zip(["top1", "top5"], accuracy(stored, validation), strict=True)),
    }
    if options.animals is not None:
        figures["animals"] = {str(size): animals_accuracy(stored, options.animals, size) for size in (64, 96, 128)}
    print(json.dumps(figures, indent=2))
    if options.figures is not None:
        options.figures.mkdir(parents=True, exist_ok=True)
        (options.figures / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
        shutil.copyfile(options.checkpoint / "log.csv", options.figures / "log.csv")
        curve(options.checkpoint / "log.csv", options.figures / "curve.svg")


if __name__ == "__main__":
    main()

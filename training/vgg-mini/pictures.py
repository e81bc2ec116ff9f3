"""The 200-class pictures of 64x64 that vgg-mini is trained on, and how they are varied."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

# What `keras.applications.imagenet_utils.preprocess_input(mode="caffe")` takes away, in the order blue, green, red.
CAFFE_MEANS = (103.939, 116.779, 123.68)


@dataclass(frozen=True)
class Pictures:
    """Pictures `[n, 64, 64, 3]` of uint8, RGB, and the class of each."""

    pixels: np.ndarray
    labels: np.ndarray


def class_names(folder: Path) -> list[tuple[str, str]]:
    """WordNet number and name of each class, in the order of the network's outputs."""
    lines = (folder / "classes.tsv").read_text(encoding="utf-8").splitlines()
    return [(number, name) for number, name in (line.split("\t", 1) for line in lines)]


def read_pictures(folder: Path, part: str, classes: int | None = None) -> Pictures:
    """Decodes `train.zip` or `val.zip`, sorted by name; where `classes` is given, only pictures of that many first classes."""
    index = {number: position for position, (number, _) in enumerate(class_names(folder)[:classes])}
    with zipfile.ZipFile(folder / f"{part}.zip") as archive:
        webp = (name for name in archive.namelist() if name.endswith(".webp"))
        names = sorted(name for name in webp if Path(name).parent.name in index)
        pixels = np.empty((len(names), 64, 64, 3), np.uint8)
        labels = np.empty(len(names), np.int64)
        for row, name in enumerate(names):
            with Image.open(io.BytesIO(archive.read(name))) as picture:
                pixels[row] = np.asarray(picture.convert("RGB"))
            labels[row] = index[Path(name).parent.name]
    return Pictures(pixels, labels)


def preprocess(rgb: tf.Tensor) -> tf.Tensor:
    """Mode `caffe`: blue, green, red, less the means of ImageNet. Takes values of 0 to 255."""
    return tf.reverse(tf.cast(rgb, tf.float32), [-1]) - tf.constant(CAFFE_MEANS)


def vary(pixels: tf.Tensor, size: int, smallest: float, seed: tf.Tensor) -> tf.Tensor:
    """Random views of `[n, 64, 64, 3]` pictures, as `[n, size, size, 3]` values of 0 to 255.

    A part of `smallest` to all of the area, of sides 3:4 to 4:3, mirrored or not; brighter, paler, of other contrast; in
    a quarter of them a grey rectangle. The same seed gives the same views.
    """
    n = tf.shape(pixels)[0]
    seeds = tf.unstack(tf.random.split(seed, 11))

    def uniform(at: int, low: float, high: float) -> tf.Tensor:
        return tf.random.stateless_uniform([n], seeds[at], low, high)

    area, ratio = uniform(0, smallest, 1.0), tf.exp(uniform(1, -0.288, 0.288))
    height, width = tf.minimum(tf.sqrt(area / ratio), 1.0), tf.minimum(tf.sqrt(area * ratio), 1.0)
    top, left = uniform(2, 0.0, 1.0) * (1.0 - height), uniform(3, 0.0, 1.0) * (1.0 - width)
    right = left + width
    mirrored = uniform(4, 0.0, 1.0) < 0.5
    boxes = tf.stack(
        [top, tf.where(mirrored, right, left), top + height, tf.where(mirrored, left, right)], axis=1
    )
    views = tf.image.crop_and_resize(tf.cast(pixels, tf.float32), boxes, tf.range(n), [size, size])

    def factor(at: int, strength: float) -> tf.Tensor:
        return tf.reshape(uniform(at, 1.0 - strength, 1.0 + strength), [-1, 1, 1, 1])

    mean = tf.reduce_mean(views, [1, 2, 3], keepdims=True)
    grey = tf.reduce_mean(views, 3, keepdims=True)
    views = grey + (views - grey) * factor(5, 0.35)
    views = (mean + (views - mean) * factor(6, 0.3)) * factor(7, 0.3)

    centre = tf.random.stateless_uniform([2, n, 1], seeds[8])
    extent = tf.random.stateless_uniform([2, n, 1], seeds[9], 0.1, 0.25)
    extent *= tf.cast(uniform(10, 0.0, 1.0) < 0.25, tf.float32)[None, :, None]
    places = tf.linspace(0.0, 1.0, size)[None, None, :]
    inside = tf.abs(places - centre) < extent
    hidden = (inside[0][:, :, None] & inside[1][:, None, :])[..., None]
    return tf.clip_by_value(tf.where(hidden, tf.constant(CAFFE_MEANS[::-1]), views), 0.0, 255.0)

# /// script
# requires-python = ">=3.11"
# dependencies = ["keras==3.15.1", "tensorflow-cpu==2.21.0", "numpy==2.4.6", "h5py==3.14.0", "pillow==12.3.0"]
# ///
"""Trains vgg-mini, in real Keras on a CPU.

    python training/vgg-mini/train.py --data ../shared/data/tiny_imagenet --output output/vgg-mini

--smoke    three short epochs on 20 classes: shows in two minutes that it runs, learns and goes on after a stop
--epochs   as given, in place of the schedule's own number; the rest of the schedule is stretched to it

A stopped run goes on at its last whole epoch when it is started again with the same arguments. Writes checkpoint.npz (all
weights and the momentum, after each epoch) and log.csv. `export.py` makes of the checkpoint what ships.

Every random number comes from the seed, the epoch and the step, so a run that was stopped sees the same pictures as one
that was not. Matrix products run in bfloat16 where the processor has it: sums are kept in float32, weights too.
"""

import argparse
import csv
import math
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from network import build  # noqa: E402
from pictures import Pictures, preprocess, read_pictures, vary  # noqa: E402

SEED = 20261124
BATCH = 128
EPOCHS = 50
PEAK_RATE = 0.15
WARM_UP = 2.0
# Taken off each weight in every step, times the rate. With a momentum of 0.9 that is an L2 penalty of 5e-4.
DECAY = 5e-3
SMOOTHING = 0.1
# Share of the epochs, edge of the pictures, smallest part of a picture's area that is shown. Small pictures teach the
# coarse things in a third of the time; the last ones look like those that the network will be asked about.
STAGES = [(1 / 3, 40, 0.35), (0.37, 48, 0.35), (1 - 1 / 3 - 0.37, 64, 0.5)]
COLUMNS = ["epoch", "size", "rate", "loss", "accuracy", "val_loss", "val_top1", "val_top5", "seconds"]


def stage(epoch: int, epochs: int) -> tuple[int, float]:
    """Edge of the pictures and smallest part shown in an epoch."""
    done = 0.0
    for share, size, smallest in STAGES:
        done += share
        if epoch < round(done * epochs):
            return size, smallest
    return STAGES[-1][1:]


def rate(step: int, steps_per_epoch: int, epochs: int) -> float:
    """A linear rise, then half a cosine down to zero."""
    now = step / steps_per_epoch
    if now < WARM_UP:
        return PEAK_RATE * now / WARM_UP
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * (now - WARM_UP) / (epochs - WARM_UP)))


def evaluate(model: keras.Model, pictures: Pictures) -> tuple[float, float, float]:
    """Loss, top-1 and top-5 on the pictures as they are."""
    loss = top1 = top5 = 0.0
    for start in range(0, len(pictures.labels), 250):
        labels = pictures.labels[start : start + 250]
        logits = model(preprocess(pictures.pixels[start : start + 250]), training=False)
        loss += float(tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)))
        top1 += float(tf.reduce_sum(tf.cast(tf.math.in_top_k(labels, logits, 1), tf.float32)))
        top5 += float(tf.reduce_sum(tf.cast(tf.math.in_top_k(labels, logits, 5), tf.float32)))
    n = len(pictures.labels)
    return loss / n, top1 / n, top5 / n


class Run:
    """Weights, momentum and epoch of a training, in memory and on disk."""

    def __init__(self, output: Path, classes: int, epochs: int) -> None:
        keras.utils.set_random_seed(SEED)
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
        self.model = build(classes, normalised=True)
        self.optimizer = keras.optimizers.SGD(PEAK_RATE, momentum=0.9, nesterov=True, weight_decay=DECAY)
        self.optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        self.optimizer.build(self.model.trainable_variables)
        self.checkpoint = output / "checkpoint.npz"
        self.log = output / "log.csv"
        self.epoch, self.epochs = 0, epochs
        if self.checkpoint.exists():
            with np.load(self.checkpoint) as saved:
                if int(saved["epochs"]) != epochs:
                    raise SystemExit(
                        f"{self.checkpoint} is of a run of {saved['epochs']} epochs, not {epochs}: delete it, or ask for as many."
                    )
                self.epoch = int(saved["epoch"])
                self.model.set_weights([saved[f"weight{i}"] for i in range(len(self.model.weights))])
                for i, variable in enumerate(self.optimizer.variables):
                    variable.assign(saved[f"slot{i}"])
        output.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            # A line is written before its checkpoint: without one, its epoch is done again.
            lines = self.log.read_text().splitlines(keepends=True)
            self.log.write_text("".join(lines[: self.epoch + 1] if self.epoch else []))

    def save(self, row: dict[str, object]) -> None:
        """Keeps the state after an epoch, all or nothing, and its line of the log."""
        self.epoch += 1
        values = {f"weight{i}": value for i, value in enumerate(self.model.get_weights())}
        values |= {f"slot{i}": np.asarray(variable) for i, variable in enumerate(self.optimizer.variables)}
        partial = self.checkpoint.with_suffix(".partial.npz")
        np.savez(partial, epoch=self.epoch, epochs=self.epochs, **values)
        with self.log.open("a", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(row)
        partial.replace(self.checkpoint)


def train(run: Run, training: Pictures, validation: Pictures, steps_per_epoch: int) -> None:
    """Trains from the run's epoch to the end."""
    epochs = run.epochs
    classes = run.model.output_shape[-1]

    @tf.function
    def step(pixels, labels, seed, size, smallest):
        views = preprocess(vary(pixels, size, smallest, seed))
        wanted = tf.one_hot(labels, classes) * (1 - SMOOTHING) + SMOOTHING / classes
        with tf.GradientTape() as tape:
            logits = run.model(views, training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(wanted, logits))
        gradients = tape.gradient(loss, run.model.trainable_variables)
        run.optimizer.apply(gradients, run.model.trainable_variables)
        return loss, tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), labels), tf.float32))

    while run.epoch < epochs:
        started = time.monotonic()
        size, smallest = stage(run.epoch, epochs)
        order = np.random.RandomState([SEED, run.epoch]).permutation(len(training.labels))
        losses, accuracies = [], []
        for index in range(steps_per_epoch):
            rows = order[index * BATCH : (index + 1) * BATCH]
            run.optimizer.learning_rate.assign(rate(run.epoch * steps_per_epoch + index, steps_per_epoch, epochs))
            seed = tf.constant([SEED, run.epoch * steps_per_epoch + index], tf.int32)
            loss, accuracy = step(training.pixels[rows], training.labels[rows], seed, size, smallest)
            losses.append(float(loss))
            accuracies.append(float(accuracy))
        val_loss, top1, top5 = evaluate(run.model, validation)
        row = {
            "epoch": run.epoch + 1,
            "size": size,
            "rate": f"{float(run.optimizer.learning_rate):.5f}",
            "loss": f"{np.mean(losses):.4f}",
            "accuracy": f"{np.mean(accuracies):.4f}",
            "val_loss": f"{val_loss:.4f}",
            "val_top1": f"{top1:.4f}",
            "val_top5": f"{top5:.4f}",
            "seconds": f"{time.monotonic() - started:.0f}",
        }
        run.save(row)
        print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains vgg-mini.")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.zip, val.zip and classes.tsv")
    parser.add_argument("--output", type=Path, required=True, help="folder for the checkpoint and the log")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()

    wanted = 20 if options.smoke else None
    training, validation = (read_pictures(options.data, part, wanted) for part in ("train", "val"))
    classes = int(training.labels.max()) + 1
    epochs = options.epochs or (3 if options.smoke else EPOCHS)
    train(Run(options.output, classes, epochs), training, validation, len(training.labels) // BATCH)


if __name__ == "__main__":
    main()

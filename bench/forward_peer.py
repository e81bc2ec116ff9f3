"""Times forward passes: reads a line for each, and prints ms per image.

keras NETWORK BATCH        predict_on_batch of Keras on TensorFlow, float32 pixels in
onnxruntime FILE BATCH     the bare session of an ONNX file, uint8 pixels in
quantized FILE BATCH       the same file, quantized by onnxruntime's own quantize_static
"""

import os
import sys
import time

import numpy as np


def keras_model(name, batch):
    from keras_networks import network

    model = network(name)
    x = np.random.default_rng(0).uniform(0, 255, (batch, *model.input_shape[1:])).astype("float32")
    return lambda: model.predict_on_batch(x)


def session(file, batch):
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    runtime = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    feed = pixels(runtime, batch)
    return lambda: runtime.run(None, feed)


def pixels(runtime, batch, seed=0):
    (value,) = runtime.get_inputs()
    height, width = value.shape[1:3]
    return {value.name: np.random.default_rng(seed).integers(0, 256, (batch, height, width, 3), dtype="uint8")}


def quantized(file, batch):
    import logging

    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    logging.disable(logging.WARNING)

    class Pictures(CalibrationDataReader):
        def __init__(self):
            runtime = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
            self.batches = iter([pixels(runtime, 2)])

        def get_next(self):
            return next(self.batches, None)

    result = f"{file}.int8.onnx"
    if not os.path.exists(result):
        quant_pre_process(file, f"{file}.prepared.onnx", skip_symbolic_shape=True)
        quantize_static(
            f"{file}.prepared.onnx",
            result,
            Pictures(),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    return session(result, batch)


kinds = {"keras": keras_model, "onnxruntime": session, "quantized": quantized}
runs = {}
for line in sys.stdin:
    kind, what, batch = line.split()
    if line not in runs:
        runs[line] = kinds[kind](what, int(batch))
        # The first run sets up memory, and in Keras traces the graph.
        runs[line]()
    start = time.perf_counter()
    runs[line]()
    print((time.perf_counter() - start) * 1000 / int(batch), flush=True)

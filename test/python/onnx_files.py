"""Checks ONNX files against the specification and runs them in Python's ONNX Runtime.

Argument: a JSON file with a list of jobs {path, inputs: [{name, dtype, shape, data (base64)}]}. Prints, as one line of
JSON, for each job the opset, the names and the values of its outputs (base64 of little-endian float32).
"""

import base64
import json
import sys

import numpy as np
import onnx
import onnxruntime


def run(job):
    model = onnx.load(job["path"])
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(job["path"], providers=["CPUExecutionProvider"])
    feeds = {
        value["name"]: np.frombuffer(base64.b64decode(value["data"]), value["dtype"]).reshape(value["shape"])
        for value in job["inputs"]
    }
    outputs = session.run(None, feeds)
    return {
        "ir": model.ir_version,
        "opset": model.opset_import[0].version,
        "inputs": [[value.name, value.shape] for value in session.get_inputs()],
        "outputs": [
            {"name": value.name, "shape": list(output.shape), "data": base64.b64encode(output.tobytes()).decode()}
            for value, output in zip(session.get_outputs(), outputs)
        ],
    }


with open(sys.argv[1]) as file:
    print(json.dumps([run(job) for job in json.load(file)]))

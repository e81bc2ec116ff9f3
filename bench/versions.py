"""Prints the versions of the peers' libraries as JSON."""

import importlib.metadata
import json
import platform

names = ("tensorflow", "keras", "h5py", "numpy", "pillow", "scikit-learn", "onnxruntime")
print(json.dumps({"Python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}}))

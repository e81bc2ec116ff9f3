"""Times keras.models.load_model of a file, and how much the process grows by it at most: keras_files_peer.py FILE"""

import json
import re
import sys
import time

import keras


def peak():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) * 1024


# What is set up once in each process is no part of a file.
keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
before = peak()
start = time.perf_counter()
keras.models.load_model(sys.argv[1], compile=False)
print(json.dumps({"seconds": time.perf_counter() - start, "bytes": peak() - before}))

import type { PoolingConfigs } from "../../network/layers/pooling.js";
import type { ConfigReader } from "../config-reader.js";
import type { KindReaders } from "./kind-reader.js";
import { length } from "./settings.js";

export const poolingReaders: KindReaders<PoolingConfigs> = {
  MaxPooling1D: window1D,
  MaxPooling2D: window2D,
  AveragePooling1D: window1D,
  AveragePooling2D: window2D,
  GlobalAveragePooling1D: whole,
  GlobalAveragePooling2D: whole,
  GlobalMaxPooling1D: whole,
  GlobalMaxPooling2D: whole,
};

function window1D(read: ConfigReader): PoolingConfigs["MaxPooling1D"] {
  const poolSize = length(read, "pool_size", 2);
  return {
    poolSize,
    strides: length(read, "strides", poolSize),
    padding: read.word("padding", ["valid", "same"], "valid"),
  };
}

function window2D(read: ConfigReader): PoolingConfigs["MaxPooling2D"] {
  const poolSize = read.size("pool_size", [2, 2]);
  return {
    poolSize,
    strides: read.size("strides", poolSize),
    padding: read.word("padding", ["valid", "same"], "valid"),
  };
}

function whole(read: ConfigReader): PoolingConfigs["GlobalAveragePooling2D"] {
  return { keepdims: read.boolean("keepdims", false) };
}

import type { ShapeConfigs } from "../../network/layers/shape.js";
import { isJsonList } from "../config-reader.js";
import type { Json } from "../layer-config.js";
import type { KindReaders } from "./kind-reader.js";
import { axes } from "./settings.js";

export const shapeReaders: KindReaders<ShapeConfigs> = {
  Identity: () => ({}),
  Flatten: () => ({}),
  Reshape(read) {
    const value = read.get("target_shape");
    const isAxis = (axis: Json): axis is number => Number.isSafeInteger(axis) && ((axis as number) >= 1 || axis === -1);
    return isJsonList(value) && value.every(isAxis)
      ? { targetShape: value }
      : read.malformed("target_shape", "a list of sizes, at most one -1");
  },
  Permute: (read) => ({ dims: axes(read, "dims", []) }),
  RepeatVector: (read) => ({ n: read.integer("n") }),
};

import type { MergingConfigs } from "../../network/layers/merging.js";
import type { KindReaders } from "./kind-reader.js";
import { plainNumber } from "./settings.js";

export const mergingReaders: KindReaders<MergingConfigs> = {
  Concatenate(read) {
    const axis = read.number("axis", -1);
    return Number.isSafeInteger(axis) ? { axis } : read.malformed("axis", "an integer");
  },
  Add: () => ({}),
  Subtract: () => ({}),
  Multiply: () => ({}),
  Average: () => ({}),
  Maximum: () => ({}),
  Minimum: () => ({}),
  CustomScaleLayer: (read) => ({ scale: plainNumber(read, "scale") }),
};

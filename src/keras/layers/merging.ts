import type { MergingConfigs } from "../../network/layers/merging.js";
import type { KindReaders } from "./kind-reader.js";
import { axes, plainNumber } from "./settings.js";

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
  Dot(read) {
    const given = axes(read, "axes", []);
    const [first, second = first, ...more] = given;
    if (first === undefined || second === undefined || more.length > 0) {
      return read.malformed("axes", "an axis, or one for each input");
    }
    return { axes: [first, second], normalize: read.boolean("normalize", false) };
  },
  CustomScaleLayer: (read) => ({ scale: plainNumber(read, "scale") }),
};

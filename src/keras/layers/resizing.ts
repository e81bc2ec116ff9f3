import type { ResizingConfigs } from "../../network/layers/resizing.js";
import type { KindReaders } from "./kind-reader.js";
import { length, pair, pairs } from "./settings.js";

const interpolations = ["nearest", "bilinear"] as const;

export const resizingReaders: KindReaders<ResizingConfigs> = {
  ZeroPadding1D: (read) => ({ padding: pair(read, "padding", read.get("padding") ?? 1) }),
  ZeroPadding2D: (read) => ({ padding: pairs(read, "padding", 1) }),
  Cropping1D: (read) => ({ cropping: pair(read, "cropping", read.get("cropping") ?? 1) }),
  Cropping2D: (read) => ({ cropping: pairs(read, "cropping", 0) }),
  UpSampling1D: (read) => ({ size: length(read, "size", 2) }),
  UpSampling2D: (read) => ({
    size: read.size("size", [2, 2]),
    interpolation: read.word("interpolation", interpolations, "nearest"),
  }),
  // Its settings of aspect ratios are other layers: see `laidOut`.
  Resizing(read) {
    const words = ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"] as const;
    return {
      height: read.integer("height"),
      width: read.integer("width"),
      interpolation: read.word("interpolation", words, "bilinear"),
      antialias: read.boolean("antialias", false),
    };
  },
  CenterCrop: (read) => ({ height: read.integer("height"), width: read.integer("width") }),
};

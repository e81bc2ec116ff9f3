import type { Int8Calibration } from "../../src/backends/quantizing-backend.js";

/** A calibration that is whole, and of no network. */
export const someCalibration: Int8Calibration = {
  formatVersion: 1,
  network: "vgg-mini",
  checksum: "00000000",
  method: "minmax",
  ranges: {},
  inFloat: [],
  images: 1,
  quality: { meanCosine: 1, minimumCosine: 1, relativeError: 0, images: 1 },
};

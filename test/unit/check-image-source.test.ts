import { expect, test } from "vitest";
import { FeatureExtractor, type ImageSource, imageList, loadImages } from "../../src/index.js";

/** A source that tells a wrong number of pictures. */
const sourceOf = (length: number): ImageSource => ({ ...imageList([]), length });

test.each([Number.NaN, Number.POSITIVE_INFINITY, -1, 2.5])(
  "a source of %s pictures is refused where it is read, and where it is to calibrate",
  async (length) => {
    const refused = (parameter: string) => ({
      name: "InvalidArgumentError",
      message: expect.stringContaining(`\`${parameter}.length\` is ${length}: expected the number of its pictures`),
    });
    const reading = async () => loadImages(sourceOf(length), { size: [8, 8] }).next();
    await expect(reading()).rejects.toMatchObject(refused("source"));
    const creating = FeatureExtractor.create({
      backbone: "vgg-mini",
      precision: "int8",
      calibration: sourceOf(length),
    });
    await expect(creating).rejects.toMatchObject(refused("calibration"));
  },
);

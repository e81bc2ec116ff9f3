import { InvalidArgumentError } from "../../errors.js";
import { checkOptions } from "../../options/check-options.js";
import type { Interpolation } from "../interpolation.js";
import { resizeImage } from "../resize.js";
import { cropImage } from "./crop.js";
import { checkSize, type ImageTransform, imageSize } from "./image-transform.js";

/**
 * Resizes images so that nothing is distorted: the shorter side to the wanted one, then the same number of pixels is cut
 * off both ends of the longer, and an odd pixel that is left is resized away. As the `AspectAwarePreprocessor` of Python
 * pipelines; pixels are interpolated as Pillow does, not as OpenCV.
 *
 * @param size wanted `[height, width]`
 * @throws InvalidArgumentError for a size that is none, and later for rows that are not uint8
 */
export function aspectAwareResize(
  size: readonly [number, number],
  options: { readonly interpolation?: Interpolation | undefined } = {},
): ImageTransform {
  checkOptions("aspectAwareResize", options, { interpolation: true });
  checkSize(size, "aspectAwareResize");
  const [height, width] = size;
  const { interpolation } = options;
  return (image) => {
    const [sourceHeight, sourceWidth] = imageSize(image, "aspectAwareResize");
    if (image.dtype !== "uint8") {
      throw new InvalidArgumentError(
        `\`aspectAwareResize\` resizes images of bytes, received ${image.dtype}. Let it come before what makes other numbers of them.`,
      );
    }
    const scaled =
      sourceWidth < sourceHeight
        ? ([Math.floor(sourceHeight * (width / sourceWidth)), width] as const)
        : ([height, Math.floor(sourceWidth * (height / sourceHeight))] as const);
    const resized = resizeImage(image, { size: scaled, interpolation });
    const top = sourceWidth < sourceHeight ? Math.trunc((scaled[0] - height) / 2) : 0;
    const left = sourceWidth < sourceHeight ? 0 : Math.trunc((scaled[1] - width) / 2);
    // A longer side that is still too short has nothing to be cut off; it is resized like an odd pixel.
    const [cutTop, cutLeft] = [Math.max(0, top), Math.max(0, left)];
    const cut = cropImage(resized, cutTop, cutLeft, scaled[0] - 2 * cutTop, scaled[1] - 2 * cutLeft);
    return cut.dtype === "uint8" ? resizeImage(cut, { size, interpolation }) : cut;
  };
}

import type { ImageHeader } from "./image-header.js";

/** What a platform's decoder is told beside the bytes. */
export interface DecodeRequest {
  readonly header: ImageHeader;
  readonly applyOrientation: boolean;
  readonly maximumPixels: number;
  /** `[height, width]` that pixels are going to be resized to, where they need not be exact before. */
  readonly fastFor?: readonly [number, number] | undefined;
}

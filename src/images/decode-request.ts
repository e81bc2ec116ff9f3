import type { ImageHeader } from "./image-header.js";

/** What a platform's decoder is told beside the bytes. */
export interface DecodeRequest {
  readonly header: ImageHeader;
  readonly applyOrientation: boolean;
  readonly maximumPixels: number;
}

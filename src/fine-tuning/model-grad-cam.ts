import type { GradientBackend } from "../backends/gradient-backend.js";
import { InvalidArgumentError } from "../errors.js";
import { type GradCam, gradCam } from "../explain/grad-cam.js";
import type { ImageSource } from "../images/image-source.js";
import { loadImages } from "../images/load-images.js";
import { type NdArray, sizeOf } from "../ndarray.js";
import { takePixels } from "../network/take-pixels.js";
import { toFloat32 } from "../training/float32-rows.js";
import type { ModelParts } from "./model-parts.js";
import type { PredictOptions } from "./transfer-model-options.js";

/** What {@link TransferModel.gradCam} looks at. */
export interface ModelGradCamOptions extends PredictOptions {
  /** A layer with height, width and channels. @default the last one that is larger than 1x1 */
  readonly layer?: string | undefined;
  /** The class that is asked about, for all pictures or for each. @default for each picture its best class */
  readonly classIndex?: number | readonly number[] | undefined;
  /** Runs and differentiates. @default the model's own */
  readonly backend?: GradientBackend | undefined;
}

/** Where in pictures a model sees a class, and the pictures. */
export interface PicturesGradCam extends GradCam {
  /** `[batch, height, width, 3]`, uint8, RGB: as the network sees them. The heat maps lie over these. */
  readonly images: NdArray<"uint8">;
}

/** Grad-CAM of pictures, batch after batch. */
export async function modelGradCam(
  { network, preprocess, pictures }: ModelParts,
  source: ImageSource,
  options: ModelGradCamOptions & { readonly backend: GradientBackend },
): Promise<PicturesGradCam> {
  const { batchSize, classIndex, layer, backend, signal } = options;
  if (source.length === 0) throw new InvalidArgumentError("There are no pictures to look at: expected at least one.");
  const pixelNetwork = takePixels(network, { preprocess, imageSize: pictures.size, dtype: "float32" });
  const found: PicturesGradCam[] = [];
  let row = 0;
  for await (const { pixels } of loadImages(source, { ...pictures, batchSize, signal })) {
    const rows = pixels.shape[0] ?? 0;
    const asked = Array.isArray(classIndex) ? classIndex.slice(row, row + rows) : classIndex;
    const settings = { backend, layer, classIndex: asked, signal };
    found.push({ ...(await gradCam(pixelNetwork, toFloat32(pixels), settings)), images: pixels });
    row += rows;
  }
  const [first] = found as [PicturesGradCam, ...PicturesGradCam[]];
  return {
    ...first,
    images: joined(found.map(({ images }) => images)),
    heatmaps: joined(found.map(({ heatmaps }) => heatmaps)),
    scores: joined(found.map(({ scores }) => scores)),
    classIndices: Int32Array.from(found.flatMap(({ classIndices }) => [...classIndices])),
  };
}

/** Batches as one. */
function joined<T extends NdArray<"uint8"> | NdArray<"float32">>(batches: readonly T[]): T {
  const [first] = batches as readonly [T, ...T[]];
  if (batches.length === 1) return first;
  const rows = batches.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  const shape = [rows, ...first.shape.slice(1)];
  const data = first.dtype === "uint8" ? new Uint8Array(sizeOf(shape)) : new Float32Array(sizeOf(shape));
  let at = 0;
  for (const batch of batches) {
    data.set(batch.data, at);
    at += batch.data.length;
  }
  return { dtype: first.dtype, shape, data } as unknown as T;
}

import { mkdir } from "node:fs/promises";
import path from "node:path";
import { FeatureExtractor, imageList, onnx } from "cnn-transfer";
import sharp from "sharp";
import { compare, inTurns, printTable } from "./report.js";

const [height, width, tiles] = [3000, 4000, 8];
const photographs = 24;
const rounds = 3;

/**
 * `decode: "fast"` against exact pixels: speed of the whole way from file to features, and how near the features are.
 * The photographs have 12 megapixels; each is made of 64 small ones, so that there is detail in every pixel.
 */
export async function fastDecoding(paths: readonly string[], folder: string, weights: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const large: string[] = [];
  for (let i = 0; i < photographs; i++) large.push(await mosaic(paths, i, path.join(folder, `${i}.jpg`)));
  const backbone = "squeezenet";
  await using exact = await FeatureExtractor.create({ backbone, weights, backend: onnx() });
  await using fast = await FeatureExtractor.create({ backbone, weights, backend: onnx(), decode: "fast" });
  const features = { exact: new Float32Array(0), fast: new Float32Array(0) };
  const extract = async (mode: "exact" | "fast", extractor: FeatureExtractor): Promise<number> => {
    const start = performance.now();
    const { data } = await extractor.extract(imageList(large).images.map(({ image }) => image));
    features[mode] = data as Float32Array<ArrayBuffer>;
    return (photographs * 1000) / (performance.now() - start);
  };
  const turns = [() => extract("exact", exact), () => extract("fast", fast)];
  for (const turn of turns) await turn();
  const [ofExact = [], ofFast = []] = await inTurns(rounds, turns);
  const row = features.exact.length / photographs;
  const cosines = large.map((_, i) =>
    cosine(features.exact.subarray(i * row, (i + 1) * row), features.fast.subarray(i * row, (i + 1) * row)),
  );
  const mean = cosines.reduce((sum, each) => sum + each, 0) / photographs;
  printTable(`${backbone} features of ${photographs} photographs of ${height}x${width}, medians of ${rounds} rounds`, [
    ...compare(
      [
        { what: 'decode: "exact"', role: "peer", figures: ofExact },
        { what: 'decode: "fast"', role: "ours", figures: ofFast },
      ],
      { name: "images/s", faster: "more" },
    ),
    {
      what: "cosine of the two's features",
      figure: `mean ${mean.toFixed(5)}`,
      ratio: `least ${Math.min(...cosines).toFixed(5)}`,
    },
  ]);
}

async function mosaic(paths: readonly string[], seed: number, file: string): Promise<string> {
  const [tileHeight, tileWidth] = [height / tiles, width / tiles];
  const parts = await Promise.all(
    Array.from({ length: tiles * tiles }, async (_, tile) => ({
      input: await sharp(paths[(seed * 37 + tile * 5) % paths.length])
        .resize(tileWidth, tileHeight)
        .toBuffer(),
      top: Math.floor(tile / tiles) * tileHeight,
      left: (tile % tiles) * tileWidth,
    })),
  );
  const blank = { create: { width, height, channels: 3 as const, background: "black" } };
  await sharp(blank).composite(parts).jpeg({ quality: 90 }).toFile(file);
  return file;
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, ofA, ofB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    dot += x * y;
    ofA += x * x;
    ofB += y * y;
  }
  return dot / Math.sqrt(ofA * ofB);
}

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ImageDecodeError } from "../../src/errors.js";
import { decodeImage } from "../../src/images/decode-image.js";
import { interpolations } from "../../src/images/interpolation.js";
import { resizeImage } from "../../src/images/resize.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const data = path.resolve(root, "../shared/data");

type Case =
  | { readonly shape: readonly number[]; readonly sha256: string; readonly resized: Record<string, string> }
  | { readonly refused: string };

const cases: Record<string, Case> = JSON.parse(
  readFileSync(new URL("../fixtures/images/parity.json", import.meta.url), "utf8"),
);

describe.skipIf(!existsSync(data))("pixels of real files equal Pillow's (needs ../shared/data)", () => {
  const readable = Object.entries(cases).flatMap(([name, found]) => ("shape" in found ? [[name, found] as const] : []));
  const refused = Object.keys(cases).filter((name) => "refused" in (cases[name] as Case));

  test.each(readable)("%s: decoded, and resized by all six filters", { timeout: 300_000 }, async (name, expected) => {
    const pixels = await decodeImage(path.join(data, name));
    expect(pixels.shape).toEqual(expected.shape);
    expect(createHash("sha256").update(pixels.data).digest("hex")).toBe(expected.sha256);
    for (const interpolation of interpolations) {
      const digest = createHash("sha256");
      digest.update(resizeImage(pixels, { size: [224, 224], interpolation }).data);
      digest.update(resizeImage(pixels, { size: [97, 131], interpolation }).data);
      digest.update(resizeImage(pixels, { size: [160, 224], interpolation, keepAspectRatio: true }).data);
      expect(digest.digest("hex"), interpolation).toBe(expected.resized[interpolation]);
    }
  });

  test.each(refused)("%s is refused, as Pillow does", async (name) => {
    await expect(decodeImage(path.join(data, name))).rejects.toThrow(ImageDecodeError);
  });

  test("the fixture names 60 photographs and every awkward file", () => {
    expect(readable.filter(([name]) => name.startsWith("animals/"))).toHaveLength(60);
    expect(refused).toHaveLength(6);
    expect(Object.keys(cases)).toHaveLength(94);
  });
});

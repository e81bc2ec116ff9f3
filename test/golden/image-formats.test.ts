import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ImageDecodeError } from "../../src/errors.js";
import { decodeImage } from "../../src/images/decode-image.js";

interface Decoded {
  readonly shape: readonly number[];
  readonly sha256: string;
}

type Case = { readonly file: string; readonly upright?: Decoded } & (Decoded | { readonly refused: string });

const cases: Record<string, Case> = JSON.parse(
  readFileSync(new URL("../fixtures/images/formats.json", import.meta.url), "utf8"),
);

/** What Pillow decodes and this library refuses, on purpose and by name, with the words that say so. */
const deliberatelyRefused: Record<string, RegExp> = {
  "rle.bmp": /compressed bitmap/,
  "cmyk.tiff": /colour space 5/,
  "grey-16bit.tiff": /16 bits per pixel/,
  "grey-float.tiff": /32 bits per pixel/,
  "big.tiff": /not a JPEG/,
};

function bytesOf(name: string): Uint8Array {
  return new Uint8Array(Buffer.from((cases[name] as Case).file, "base64"));
}

function digest(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

const decoded = Object.entries(cases).flatMap(([name, found]) =>
  "sha256" in found && !(name in deliberatelyRefused) ? [[name, found] as const] : [],
);
const refused = Object.entries(cases).flatMap(([name, found]) =>
  "refused" in found ? [[name, found.refused] as const] : [],
);
const oriented = decoded.flatMap(([name, { upright }]) => (upright === undefined ? [] : [[name, upright] as const]));

describe("decodeImage", () => {
  test.each(decoded)("gives Pillow's pixels of %s", async (name, expected) => {
    const pixels = await decodeImage(bytesOf(name));
    expect(pixels.shape).toEqual(expected.shape);
    expect(digest(pixels.data)).toBe(expected.sha256);
  });

  test.each(refused)("refuses %s, as Pillow does (%s)", async (name) => {
    await expect(decodeImage(bytesOf(name), { name })).rejects.toThrow(ImageDecodeError);
  });

  test.each(Object.entries(deliberatelyRefused))(
    "refuses %s, which Pillow reads, and says why",
    async (name, words) => {
      expect(cases[name]).toHaveProperty("sha256");
      await expect(decodeImage(bytesOf(name), { name })).rejects.toMatchObject({
        name: "ImageDecodeError",
        image: name,
        reason: expect.stringMatching(words),
      });
    },
  );

  test.each(oriented)("turns %s upright with `applyOrientation`", async (name, expected) => {
    const pixels = await decodeImage(bytesOf(name), { applyOrientation: true });
    expect(pixels.shape).toEqual(expected.shape);
    expect(digest(pixels.data)).toBe(expected.sha256);
  });

  test("has seen every kind of file in the fixture", () => {
    expect(decoded.length).toBeGreaterThan(110);
    expect(refused.length).toBeGreaterThan(25);
    expect(oriented.length).toBe(12);
  });
});

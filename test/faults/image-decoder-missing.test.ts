import { readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { decodeImage } from "../../src/images/decode-image.js";
import { imageList } from "../../src/images/image-list.js";
import { loadImages } from "../../src/images/load-images.js";

const formats: Record<string, { readonly file: string }> = JSON.parse(
  readFileSync(new URL("../fixtures/images/formats.json", import.meta.url), "utf8"),
);

function bytesOf(name: string): Uint8Array {
  return new Uint8Array(Buffer.from(formats[name]?.file as string, "base64"));
}

afterEach(() => {
  vi.doUnmock("sharp");
});

test("without sharp, JPEG files are refused with the command that installs it, bitmaps and GIF files still work", async () => {
  vi.doMock("sharp", () => {
    throw new Error("Could not load the sharp module");
  });
  const failure = decodeImage(bytesOf("baseline.jpg"));
  await expect(failure).rejects.toMatchObject({ name: "UnsupportedError", cause: expect.any(Error) });
  await expect(failure).rejects.toThrow(/npm install sharp/);
  expect((await decodeImage(bytesOf("24bit.bmp"))).shape).toEqual([11, 13, 3]);
  expect((await decodeImage(bytesOf("palette.gif"))).shape).toEqual([11, 13, 3]);

  // A missing decoder is no fault of the pictures: nothing is skipped.
  const batches = loadImages(imageList([bytesOf("baseline.jpg")]), { size: [4, 4], onError: "skip" });
  await expect(batches.next()).rejects.toMatchObject({ name: "UnsupportedError" });

  vi.doUnmock("sharp");
  expect((await decodeImage(bytesOf("baseline.jpg"))).shape).toEqual([40, 52, 3]);
});

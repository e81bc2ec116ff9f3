import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { crc32 } from "../../src/checksum/crc32.node.js";
import { isCnnTransferError } from "../../src/errors.js";
import { inflate as inflateInBrowser } from "../../src/files/inflate.browser.js";
import { inflate as inflateInNode } from "../../src/files/inflate.node.js";
import { openZip } from "../../src/files/zip-reader.js";
import { encodeZip } from "../../src/files/zip-writer.js";
import { memorySource } from "../../src/hdf5/contiguous/memory-source.js";

const hasPython = spawnSync("python3", ["--version"]).error === undefined;
const text = new TextEncoder().encode("stored text");
const items = [
  { name: "a.txt", bytes: text },
  { name: "folder/ü.bin", bytes: Uint8Array.of(1, 2, 3) },
  { name: "empty", bytes: new Uint8Array(0) },
];
const open = (bytes: Uint8Array) => openZip(memorySource(bytes, "x.zip"));

/** An archive of one member whose fields can be set to anything. */
function archive(fields: {
  readonly name?: string;
  readonly stored?: Uint8Array;
  readonly method?: number;
  readonly flags?: number;
  readonly size?: number;
  readonly checksum?: number;
}): Uint8Array {
  const stored = fields.stored ?? text;
  const bytes = encodeZip([{ name: fields.name ?? "a", bytes: stored }]);
  const view = new DataView(bytes.buffer);
  const entry = bytes.length - 22 - 46 - new TextEncoder().encode(fields.name ?? "a").length;
  view.setUint16(entry + 8, fields.flags ?? 0, true);
  view.setUint16(entry + 10, fields.method ?? 0, true);
  view.setUint32(entry + 16, fields.checksum ?? crc32(stored), true);
  view.setUint32(entry + 24, fields.size ?? stored.length, true);
  return bytes;
}

describe("a zip archive", () => {
  test("gives back what was written into it", async () => {
    const zip = await open(encodeZip(items));
    expect(zip.names).toEqual(items.map(({ name }) => name));
    for (const { name, bytes } of items) expect(await zip.read(name)).toEqual(bytes);
  });

  test("with a comment behind it is read", async () => {
    const bytes = new Uint8Array([...encodeZip(items), ...text]);
    new DataView(bytes.buffer).setUint16(bytes.length - text.length - 2, text.length, true);
    expect((await open(bytes)).names).toHaveLength(3);
  });

  test("that Keras wrote is read, and every cut of it is refused", async () => {
    const bytes = new Uint8Array(readFileSync(new URL("../fixtures/keras-files/keras3-many.keras", import.meta.url)));
    const zip = await open(bytes);
    expect(zip.names).toEqual(["metadata.json", "config.json", "model.weights.h5"]);
    expect(JSON.parse(new TextDecoder().decode(await zip.read("metadata.json")))).toMatchObject({
      keras_version: "3.15.1",
    });
    for (let length = 0; length < bytes.length; length += 997) {
      await expect(open(bytes.subarray(0, length))).rejects.toMatchObject({ name: "InvalidModelError" });
    }
  });

  test("of zip64 form is read", async () => {
    // Sizes and positions of a small archive in the wide fields that Python writes for large ones.
    const small = archive({});
    const directory = small.length - 22 - 47;
    const extra = new DataView(new ArrayBuffer(28));
    extra.setUint16(0, 1, true);
    extra.setUint16(2, 24, true);
    extra.setBigUint64(4, BigInt(text.length), true);
    extra.setBigUint64(12, BigInt(text.length), true);
    const entry = small.slice(directory, directory + 47);
    const entryView = new DataView(entry.buffer);
    for (const at of [20, 24, 42]) entryView.setUint32(at, 0xffffffff, true);
    entryView.setUint16(30, 28, true);
    const end64 = new DataView(new ArrayBuffer(56 + 20));
    end64.setUint32(0, 0x06064b50, true);
    end64.setBigUint64(32, 1n, true);
    end64.setBigUint64(40, 75n, true);
    end64.setBigUint64(48, BigInt(directory), true);
    end64.setUint32(56, 0x07064b50, true);
    end64.setBigUint64(64, BigInt(directory + 75), true);
    const end = small.slice(small.length - 22);
    new DataView(end.buffer).setUint32(16, 0xffffffff, true);
    const parts = [
      small.subarray(0, directory),
      entry,
      new Uint8Array(extra.buffer),
      new Uint8Array(end64.buffer),
      end,
    ];
    const zip = await open(Uint8Array.from(parts.flatMap((part) => [...part])));
    expect(await zip.read("a")).toEqual(text);
  });

  test.each<readonly [string, Uint8Array, string, RegExp]>([
    ["is empty", new Uint8Array(0), "InvalidModelError", /does not end as one/],
    ["has a member twice", encodeZip([items[0], items[0]] as typeof items), "InvalidModelError", /two members named/],
    ["leads out of its folder", archive({ name: "../a" }), "InvalidModelError", /"\.\.\/a", which leads out/],
    ["leads to an absolute path", archive({ name: "/etc/a" }), "InvalidModelError", /leads out/],
    ["leads to a drive", archive({ name: "C:\\a" }), "InvalidModelError", /leads out/],
    ["has members that lie over each other", overlapping(), "InvalidModelError", /lies over/],
  ])("that %s is refused", async (_, bytes, name, message) => {
    await expect(open(bytes)).rejects.toMatchObject({ name, message: expect.stringMatching(message) });
  });

  test.each<readonly [string, Uint8Array, string, RegExp]>([
    ["is missing", encodeZip([]), "InvalidModelError", /no member "a"/],
    ["is encrypted", archive({ flags: 1 }), "UnsupportedError", /encrypted/],
    ["is compressed in another way", archive({ method: 12 }), "UnsupportedError", /method 12/],
    ["has a wrong checksum", archive({ checksum: 1 }), "InvalidModelError", /checksum/],
    ["has a wrong size", archive({ size: 12 }), "InvalidModelError", /11 bytes instead of 12/],
    ["is damaged deflate data", archive({ method: 8 }), "InvalidModelError", /cannot be expanded/],
    [
      "expands to more than it says",
      archive({ method: 8, stored: deflateRawSync(new Uint8Array(100)), size: 99 }),
      "InvalidModelError",
      /cannot be expanded/,
    ],
    [
      "is a bomb",
      archive({ method: 8, stored: deflateRawSync(new Uint8Array(2 ** 27)), size: 2 ** 27 }),
      "InvalidModelError",
      /fill the memory/,
    ],
  ])("a member that %s is refused", async (_, bytes, name, message) => {
    const read = open(bytes).then((zip) => zip.read("a"));
    await expect(read).rejects.toMatchObject({ name, message: expect.stringMatching(message) });
  });

  test("a deflated member is expanded", async () => {
    const stored = deflateRawSync(text);
    const bytes = archive({ method: 8, stored, size: text.length, checksum: crc32(text) });
    expect(await (await open(bytes)).read("a")).toEqual(text);
  });

  test("with any one byte changed gives a typed error or the same names, in short time", async () => {
    const good = encodeZip(items);
    for (let at = 0; at < good.length; at++) {
      const bytes = good.slice();
      bytes[at] = (bytes[at] as number) ^ 0xff;
      try {
        const zip = await open(bytes);
        for (const name of zip.names) await zip.read(name);
      } catch (error) {
        if (!isCnnTransferError(error)) throw error;
      }
    }
  });

  test.skipIf(!hasPython)("is read by Python's zipfile, which finds it whole (needs python3)", () => {
    const script =
      "import io, sys, zipfile; z = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read())); print(z.testzip(), z.namelist(), z.read('a.txt'))";
    const { stdout } = spawnSync("python3", ["-c", script], { input: encodeZip(items), encoding: "utf8" });
    expect(stdout.trim()).toBe("None ['a.txt', 'folder/ü.bin', 'empty'] b'stored text'");
  });
});

function overlapping(): Uint8Array {
  const bytes = encodeZip([
    { name: "a", bytes: text },
    { name: "b", bytes: text },
  ]);
  // The second member's position becomes that of the first.
  new DataView(bytes.buffer).setUint32(bytes.length - 22 - 47 + 42, 0, true);
  return bytes;
}

describe.each([
  ["Node", inflateInNode],
  ["browsers", inflateInBrowser],
])("inflate in %s", (_, inflate) => {
  test("expands, up to the size given", async () => {
    expect([...(await inflate(deflateRawSync(text), text.length))]).toEqual([...text]);
    await expect(inflate(deflateRawSync(new Uint8Array(1e6)), 1000)).rejects.toThrow();
    await expect(inflate(text, 100)).rejects.toThrow();
  });
});

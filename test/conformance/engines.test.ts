import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isCnnTransferError } from "../../src/errors.js";
import { autoEngine } from "../../src/hdf5/auto-engine.js";
import { contiguous } from "../../src/hdf5/contiguous-engine.js";
import type { HDF5Attribute, HDF5Engine, HDF5File, HDF5Item } from "../../src/hdf5/engine.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { jsfive } from "../../src/hdf5/jsfive.node.js";

const fixtures = path.resolve(import.meta.dirname, "../fixtures/hdf5");
const shared = path.resolve(import.meta.dirname, "../../../shared/data/hdf5_files");

interface Expected {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: readonly string[];
}
interface Contents {
  readonly datasets: Readonly<Record<string, Expected>>;
  readonly attributes: Readonly<Record<string, Expected>>;
}

/** What each engine cannot read of the fixtures; there it must say so, and name one that can. */
const engines: readonly {
  readonly name: string;
  readonly engine: HDF5Engine;
  readonly unsupported: (path: string, libver: string) => boolean;
}[] = [
  { name: "h5wasm", engine: h5wasm(), unsupported: () => false },
  { name: "auto", engine: autoEngine(), unsupported: () => false },
  { name: "contiguous", engine: contiguous(), unsupported: (dataset) => dataset.startsWith("stored/") },
  {
    name: "jsfive",
    engine: jsfive(),
    unsupported: (dataset, libver) =>
      ["other/compact", "form/filled", "form/unwritten", "stored/lzf"].includes(dataset) ||
      (libver === "latest" && dataset.startsWith("stored/")),
  },
];

/** Numbers as the fixtures spell them: the shortest text that gives the same number again. */
function sameValues(actual: ArrayLike<number | bigint | string>, expected: Expected): boolean {
  if (expected.dtype === "string") return expected.data.every((text, i) => actual[i] === text);
  return (
    actual.length === expected.data.length &&
    expected.data.every((text, i) => {
      const value = actual[i];
      return typeof value === "bigint" ? value === BigInt(text) : Object.is(value, Number(text));
    })
  );
}

async function readAny(file: HDF5File, dataset: string, expected: Expected) {
  return expected.dtype === "string" ? file.readStrings(dataset) : (await file.read(dataset)).data;
}

for (const { name, engine, unsupported } of engines) {
  describe(`engine "${name}"`, () => {
    describe.each(["earliest", "latest"])("reads what h5py writes with libver %s", (libver) => {
      const location = path.join(fixtures, `h5py_${libver}.h5`);
      const contents = JSON.parse(readFileSync(path.join(fixtures, `h5py_${libver}.json`), "utf8")) as Contents;
      let file: HDF5File;
      beforeAll(async () => {
        file = await engine.open(location);
      });
      afterAll(() => file.close());

      test.each(Object.entries(contents.datasets))("%s", async (dataset, expected) => {
        const entry = await file.stat(dataset);
        expect(entry).toEqual({ kind: "dataset", shape: expected.shape, dtype: expected.dtype });
        if (unsupported(dataset, libver)) {
          const error = await readAny(file, dataset, expected).catch((reason: unknown) => reason);
          expect(isCnnTransferError(error, "UnsupportedError") && error.message).toContain("h5wasm()");
          return;
        }
        expect(sameValues(await readAny(file, dataset, expected), expected)).toBe(true);
        const rows = expected.shape[0];
        if (rows === undefined || rows < 2) return;
        const part = { start: 1, end: rows };
        const read =
          expected.dtype === "string" ? await file.readStrings(dataset, part) : (await file.read(dataset, part)).data;
        const rowLength = expected.data.length / rows;
        expect(sameValues(read, { ...expected, data: expected.data.slice(rowLength) })).toBe(true);
      });

      test("attributes of all kinds", async () => {
        expect(await file.attributes("form")).toEqual(Object.keys(contents.attributes).sort());
        for (const [key, expected] of Object.entries(contents.attributes)) {
          const attribute = (await file.attribute("form", key)) as HDF5Attribute;
          expect(attribute.shape, key).toEqual(expected.shape);
          expect(attribute.dtype, key).toBe(expected.dtype);
          expect(sameValues(attribute.data, expected), key).toBe(true);
        }
        expect(await file.attribute("form", "absent")).toBeUndefined();
      });

      test("members are listed by code point, and a dataset has none", async () => {
        expect(await file.list("/")).toEqual(["form", "more", "other", "stored", "text", "types"]);
        expect(await file.list("types/i4")).toEqual([]);
      });

      test("what is not there is undefined, or an error where it was to be read", async () => {
        for (const absent of ["absent", "form/absent", "types/i4/deeper", "toString", "form/constructor"]) {
          expect(await file.stat(absent), absent).toBeUndefined();
          await expect(file.read(absent), absent).rejects.toMatchObject({ name: "InvalidDatasetError" });
        }
        await expect(file.list("absent")).rejects.toMatchObject({ name: "InvalidDatasetError" });
        await expect(file.read("types")).rejects.toMatchObject({ name: "InvalidDatasetError" });
      });

      test("ranges are never clamped", async () => {
        for (const [start, end] of [
          [0, 8],
          [7, 8],
          [100, 200],
        ] as const) {
          await expect(file.read("form/one_axis", { start, end })).rejects.toMatchObject({
            name: "InvalidDatasetError",
          });
        }
        for (const [start, end] of [
          [-1, 2],
          [3, 2],
          [0.5, 2],
          [0, Number.NaN],
        ] as const) {
          await expect(file.read("form/one_axis", { start, end })).rejects.toMatchObject({
            name: "InvalidArgumentError",
          });
        }
        expect((await file.read("form/one_axis", { start: 7, end: 7 })).shape).toEqual([0]);
      });

      test("numbers are not strings, strings not numbers, and compounds neither", async () => {
        await expect(file.readStrings("types/i4")).rejects.toMatchObject({ name: "InvalidDatasetError" });
        await expect(file.read("text/ascii")).rejects.toMatchObject({ name: "InvalidDatasetError" });
        for (const other of ["other/compound", "other/reference"]) {
          expect(await file.stat(other)).toMatchObject({ dtype: "other" });
          await expect(file.read(other)).rejects.toMatchObject({ name: "UnsupportedError" });
        }
      });

      test("lzf is read through a plug-in, or is an error, not uninitialised memory", async () => {
        const read = file.read("stored/lzf");
        if (unsupported("stored/lzf", libver)) {
          await expect(read).rejects.toSatisfy((error: unknown) => isCnnTransferError(error));
          return;
        }
        expect(await read).toEqual(await file.read("stored/gzip"));
      });
    });

    test("opens bytes, an ArrayBuffer and a Blob", async () => {
      const bytes = readFileSync(path.join(fixtures, "original.h5"));
      const copy = new Uint8Array(bytes);
      for (const source of [copy, copy.buffer, new Blob([copy])]) {
        const file = await engine.open(source);
        expect((await file.read("features", { start: 9, end: 10 })).data).toEqual(
          Float64Array.of(36, 37, 38, 39).map((v) => v / 8),
        );
        await file.close();
      }
    });

    test("close can be called twice, and nothing can be read after", async () => {
      const file = await engine.open(path.join(fixtures, "original.h5"));
      await file.close();
      await file.close();
      await expect(file.read("features")).rejects.toMatchObject({ name: "ClosedError" });
      await expect(file.list("/")).rejects.toMatchObject({ name: "ClosedError" });
      await expect(file.stat("features")).rejects.toMatchObject({ name: "ClosedError" });
    });

    test("what is not HDF5 is an error when opened", async () => {
      await expect(engine.open(path.join(fixtures, "absent.h5"))).rejects.toMatchObject({
        name: "FileAccessError",
        reason: "missing",
      });
      await expect(engine.open(import.meta.filename)).rejects.toMatchObject({ name: "InvalidDatasetError" });
      await expect(engine.open(new Uint8Array(0))).rejects.toMatchObject({ name: "InvalidDatasetError" });
      await expect(engine.open(new Uint8Array(5000))).rejects.toMatchObject({ name: "InvalidDatasetError" });
    });

    test("a damaged table of strings is an error, and is not searched for ever", async () => {
      const bytes = new Uint8Array(readFileSync(path.join(fixtures, "original.h5")));
      const table = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf("GCOL");
      // The first string becomes free space of no length, in front of the others.
      bytes.fill(0, table + 16, table + 32);
      const file = await engine.open(bytes);
      await expect(file.readStrings("label_names")).rejects.toMatchObject({ name: "InvalidDatasetError" });
      await file.close();
    });

    test("a file cut short at any place is an error when opened", async () => {
      const bytes = new Uint8Array(readFileSync(path.join(fixtures, "original.h5")));
      for (let length = 0; length < bytes.length; length += 97) {
        await expect(engine.open(bytes.slice(0, length)), `${length} bytes`).rejects.toMatchObject({
          name: "InvalidDatasetError",
        });
      }
    });
  });
}

describe("engines that can read what others cannot", () => {
  test.each([h5wasm(), autoEngine()])("$name reads many members, many attributes and shared types", async (engine) => {
    const file = await engine.open(path.join(fixtures, "h5py_dense.h5"));
    expect((await file.list("many")).length).toBe(20);
    expect((await file.attributes("many")).length).toBe(20);
    expect((await file.attribute("many", "attribute_13"))?.data[0]).toBe(13n);
    expect((await file.read("many/member_04")).data).toEqual(Int32Array.of(0, 1, 2, 3));
    expect((await file.read("shared")).data).toEqual(Float32Array.of(0, 1, 2, 3));
    await file.close();
  });

  test.each([contiguous(), jsfive()])("$name says so of attributes that it would lose", async (engine) => {
    const file = await engine.open(path.join(fixtures, "h5py_dense.h5"));
    await expect(file.attributes("many")).rejects.toMatchObject({ name: "UnsupportedError" });
    await expect(file.read("shared")).rejects.toMatchObject({ name: "UnsupportedError" });
    await file.close();
  });
});

describe("h5wasm() writes whole files that every engine reads", () => {
  const items: readonly HDF5Item[] = [
    {
      path: "/",
      attributes: new Map<string, HDF5Attribute>([
        ["long", { dtype: "string", shape: [], data: ["ü".repeat(150_000)] }],
        ["names", { dtype: "string", shape: [3], data: ["one", "", "drei ü"] }],
        ["empty", { dtype: "float64", shape: [0], data: new Float64Array(0) }],
        ["number", { dtype: "int64", shape: [], data: BigInt64Array.of(-(2n ** 62n)) }],
      ]),
    },
    { path: "a/b/kernel:0", data: { dtype: "float32", shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) } },
    { path: "a/uint64", data: { dtype: "uint64", shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) } },
    { path: "a/none", data: { dtype: "float32", shape: [0, 4], data: new Float32Array(0) } },
    { path: "a/names", data: { dtype: "string", shape: [3], data: ["熊猫", "", "panda"] } },
    { path: "empty/group" },
  ];
  let folder: string;
  let written: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "engines-"));
    written = path.join(folder, "written.h5");
    await writeFile(written, await h5wasm().encode(items));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.each(engines)("$name", async ({ engine }) => {
    const file = await engine.open(written);
    expect(await file.list("/")).toEqual(["a", "empty"]);
    expect(await file.list("empty/group")).toEqual([]);
    for (const { path: item, data, attributes } of items) {
      if (data?.dtype === "string") expect(await file.readStrings(item)).toEqual(data.data);
      else if (data) expect(await file.read(item)).toEqual(data);
      for (const [key, value] of attributes ?? []) expect(await file.attribute(item, key)).toEqual(value);
    }
    await file.close();
  });

  test("what the format cannot hold is an error, not a file without it", async () => {
    const large = { dtype: "float32", shape: [20_000], data: new Float32Array(20_000) } as const;
    await expect(h5wasm().encode([{ path: "/", attributes: new Map([["large", large]]) }])).rejects.toMatchObject({
      name: "UnsupportedError",
    });
    const twice = { path: "x", data: large };
    await expect(h5wasm().encode([twice, twice])).rejects.toMatchObject({ name: "InvalidArgumentError" });
    await expect(h5wasm().encode([twice, { path: "x/y" }])).rejects.toMatchObject({ name: "InvalidArgumentError" });
    await expect(h5wasm().encode([{ path: "x", data: { ...large, shape: [3] } }])).rejects.toMatchObject({
      name: "InvalidArgumentError",
    });
    const nul = { dtype: "string", shape: [1], data: ["a\0b"] } as const;
    await expect(h5wasm().encode([{ path: "x", data: nul }])).rejects.toMatchObject({ name: "UnsupportedError" });
  });
});

describe.skipIf(!existsSync(shared))("files by others (skipped where the shared test data is missing)", () => {
  test("all engines agree on what they can read", async () => {
    for (const name of [
      "coursera_test_catvnoncat.h5",
      "dminhq98_resnet_features_with_paths.h5",
      "h5py_test_vlen_string_dset.h5",
      "jsfive_test.h5",
      "h5wasm_test_compressed.h5",
      "navin_vgg16_train_features.h5",
    ]) {
      const reference = await h5wasm().open(path.join(shared, name));
      for (const { engine } of engines) {
        const file = await engine.open(path.join(shared, name));
        expect(await file.list("/")).toEqual(await reference.list("/"));
        for (const dataset of await reference.list("/")) {
          const entry = await reference.stat(dataset);
          expect(await file.stat(dataset)).toEqual(entry);
          if (entry?.kind !== "dataset") continue;
          const read = (from: HDF5File) => (entry.dtype === "string" ? from.readStrings(dataset) : from.read(dataset));
          const actual = await read(file).catch((error: unknown) => error);
          if (isCnnTransferError(actual, "UnsupportedError")) {
            expect(["contiguous", "jsfive"]).toContain(engine.name);
          } else {
            // Jest-like equality of large arrays is slow; the bytes decide.
            const expected = await read(reference);
            expect(Buffer.compare(bytesOf(actual), bytesOf(expected)), `${engine.name} ${name} ${dataset}`).toBe(0);
          }
        }
        await file.close();
      }
      await reference.close();
    }
  });

  test.each(engines)("$name refuses the truncated one", async ({ engine }) => {
    const truncated = path.join(shared, "truncated_dl4j_some_loss.h5");
    await expect(engine.open(truncated)).rejects.toMatchObject({ name: "InvalidDatasetError" });
  });
});

function bytesOf(value: unknown): Buffer {
  if (Array.isArray(value)) return Buffer.from(JSON.stringify(value));
  const { data } = value as { readonly data: Uint8Array };
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, inject, test } from "vitest";
import { compile, strictest } from "./support/compile.js";

const { bare, consumer } = inject("installed");

const program = `
  import { createRandom, FeatureExtractor, HDF5DatasetGenerator, HDF5DatasetWriter, imageFolder, TransferHead } from "cnn-transfer";
  const images = await imageFolder("animals/");
  await using extractor = await FeatureExtractor.create({ backbone: "vgg16", pooling: "avg" });
  await using writer = await HDF5DatasetWriter.create("animals.hdf5", {
    rows: images.length, rowShape: extractor.featureShape, classLabels: images.classLabels,
  });
  await extractor.extractTo(writer, images, { batchSize: 32 });
  await using data = await HDF5DatasetGenerator.open("animals.hdf5", { batchSize: 32, shuffle: true, seed: 1 });
  await using head = await TransferHead.create({ inputShape: data.rowShape, classLabels: data.classLabels });
  const seed: number = createRandom(1).uint32();
`;

const webOptions: ts.CompilerOptions = {
  ...strictest,
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  types: [],
};

describe("an app in strict TypeScript without skipLibCheck", () => {
  test("compiles for Node", () => {
    expect(compile(consumer, { "app.ts": program })).toEqual([]);
  });

  test("compiles for a browser, without the types of Node", () => {
    expect(compile(consumer, { "app.ts": program }, webOptions)).toEqual([]);
  });

  test("compiles for a browser with none of the libraries installed", () => {
    expect(compile(bare, { "app.ts": program }, webOptions)).toEqual([]);
  });

  test("does not compile where a value is not what an option takes", () => {
    const wrong = `
      import { FeatureExtractor } from "cnn-transfer";
      await FeatureExtractor.create({ backbone: "vgg16", pooling: "average" });
    `;
    expect(compile(consumer, { "app.ts": wrong }).join("\n")).toContain('"average"');
  });
});

describe("the declarations", () => {
  test("import from no other package", () => {
    const text = readFileSync(join(consumer, "node_modules/cnn-transfer/dist/node/index.d.ts"), "utf8");
    const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(text);
    expect([...importedFiles, ...typeReferenceDirectives].map((file) => file.fileName)).toEqual([]);
  });
});

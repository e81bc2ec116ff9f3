import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { imageList } from "../../src/images/image-list.js";
import { describeMachine } from "../../src/report/describe-machine.node.js";
import { type FeatureMap, featureMap } from "../../src/report/feature-map.js";
import { f1Interval } from "../../src/report/label-intervals.js";
import { reportHTML } from "../../src/report/report-html.js";
import type { RunReport } from "../../src/report/run-report.js";
import { writeReport } from "../../src/report/write-report.js";
import { classificationReport } from "../../src/training/classification-report.js";
import { confidenceInterval } from "../../src/training/confidence-interval.js";
import type { TrainingData } from "../../src/training/training-data.js";
import { clusteredData } from "../support/clustered-data.js";
import { madeUpEvaluation } from "../support/predicted.js";

const classLabels = ["cat", "dog", "panda"];
const evaluation = madeUpEvaluation({ rows: 60, classLabels });
const fileNames = Array.from({ length: 60 }, (_, row) => `${classLabels[row % 3]}/${row}.jpg`);
const whole: RunReport = {
  title: "Animals",
  evaluation,
  fileNames,
  history: [{ epoch: 1, loss: 1, accuracy: 0.5, valLoss: 1, valAccuracy: 0.4, learningRate: 0.001 }],
  trainingLabels: Int32Array.from({ length: 90 }, (_, row) => row % 3),
  settings: { network: "vgg-mini", epochs: 20, normalize: true },
  remarks: "A first try.",
  date: new Date("2026-11-24T17:30:00Z"),
};

/** Names of elements, and names of attributes, that stand in a page. */
function markupOf(html: string): { readonly elements: ReadonlySet<string>; readonly attributes: ReadonlySet<string> } {
  const elements = new Set<string>();
  const attributes = new Set<string>();
  for (const [, name = "", rest = ""] of html.matchAll(/<([a-zA-Z][^\s/>]*)((?:\s+[^\s=>]+="[^"]*")*)/g)) {
    elements.add(name.toLowerCase());
    for (const [, attribute = ""] of rest.matchAll(/\s([^\s=>]+)="/g)) attributes.add(attribute.toLowerCase());
  }
  return { elements, attributes };
}

describe("a report", () => {
  test("has a section for each thing that is given, and none for what is not", () => {
    const sections = (report: RunReport) =>
      [...reportHTML(report).matchAll(/<section id="(\w+)"/g)].map(([, id]) => id);
    expect(sections(whole)).toEqual(["training", "classes", "confusions", "mistakes", "calibration", "settings"]);
    expect(sections({ evaluation })).toEqual(["classes", "confusions", "mistakes", "calibration"]);
    const perfect = madeUpEvaluation({ rows: 12, classLabels, right: 1 });
    expect(sections({ evaluation: perfect })).toEqual(["classes", "confusions", "calibration"]);
    expect(reportHTML({ evaluation: perfect })).toContain("No row was given a wrong class.");
  });

  test("shows the accuracy with the interval that `confidenceInterval` gives for it", () => {
    const interval = confidenceInterval(evaluation.predictions, ({ trueClasses, predictedClasses }) => {
      return trueClasses.filter((label, row) => label === predictedClasses[row]).length / trueClasses.length;
    });
    const text = (part: number) => `${(100 * part).toFixed(1)}\u00a0%`;
    const html = reportHTML(whole);
    expect(interval.value).toBe(evaluation.accuracy);
    expect(html).toContain(`<b>${text(interval.value)}</b>`);
    expect(html).toContain(`>${text(interval.low)} to ${text(interval.high)}<`);
  });

  test("shows the mean F1 with the interval that `confidenceInterval` gives for it", () => {
    const { value, low, high } = confidenceInterval(
      evaluation.predictions,
      ({ trueClasses, predictedClasses }) => classificationReport(trueClasses, predictedClasses, classLabels).macro.f1,
    );
    expect(f1Interval(evaluation.predictions, 3)).toEqual({
      value: expect.closeTo(value, 12),
      low: expect.closeTo(low, 12),
      high: expect.closeTo(high, 12),
    });
    expect(reportHTML(whole)).toContain(`>${low.toFixed(3)} to ${high.toFixed(3)}<`);
  });

  test("of 1,000 classes stays small, and draws the worst of them", () => {
    const labels = Array.from({ length: 1000 }, (_, i) => `class ${i}`);
    const html = reportHTML({ evaluation: madeUpEvaluation({ rows: 3000, classLabels: labels }) });
    expect(html.length).toBeLessThan(600_000);
    expect(html).toContain("the 20 of 1000 classes with the lowest F1");
    expect(html).toContain("the 20 of 1000 classes that are taken for each other most");
    expect(html.match(/<tr><th scope="row">/g)).toHaveLength(1002);
  });

  test("of one epoch that is not finite, and names of any script and length, has no broken figure", () => {
    const labels = ["猫", "כלב", "Ein Klassenname, der gar nicht mehr aufhören will, ".repeat(5)];
    const made = madeUpEvaluation({ rows: 30, classLabels: labels });
    const log = { epoch: 1, loss: Number.NaN, accuracy: Number.NaN, learningRate: 0.001 };
    const html = reportHTML({ evaluation: { ...made, loss: Number.NaN }, history: [log] });
    expect(html).toContain("1 value is not finite");
    expect(html).not.toMatch(/NaN|Infinity|undefined/);
    for (const label of labels) expect(html).toContain(label.trim());
  });

  test("has the figures of every class, its rows here and in training", () => {
    const html = reportHTML(whole);
    for (const { label, precision, recall, f1, support } of evaluation.perClass) {
      const line = new RegExp(`<tr><th scope="row"><bdi>${label}</bdi></th>(.*?)</tr>`).exec(html)?.[1] ?? "";
      const cells = [...line.matchAll(/<td[^>]*>([\d.]*)/g)].map(([, cell]) => cell);
      expect(cells.slice(0, 5)).toEqual([
        "30",
        String(support),
        precision.toFixed(3),
        recall.toFixed(3),
        f1.toFixed(3),
      ]);
    }
    expect(html).toContain("2026-11-24 17:30 UTC");
    expect(html).toContain("<dt><bdi>epochs</bdi></dt><dd><bdi>20</bdi></dd>");
  });

  test("names the surest mistakes first, with both classes", () => {
    const { trueClasses, predictedClasses, probabilities } = evaluation.predictions;
    const wrong = [...trueClasses.keys()].filter((row) => trueClasses[row] !== predictedClasses[row]);
    const sure = (row: number) => probabilities.data[row * 3 + (predictedClasses[row] as number)] as number;
    wrong.sort((a, b) => sure(b) - sure(a));
    const grid = /<div class="pictures">(.*?)<\/section>/s.exec(reportHTML(whole))?.[1] ?? "";
    const names = [...grid.matchAll(/<figcaption><bdi>([^<]*)<\/bdi>/g)].map(([, name]) => name);
    expect(names).toEqual(wrong.slice(0, 24).map((row) => fileNames[row]));
    const [first = 0] = wrong;
    expect(grid).toContain(`is <bdi>${classLabels[trueClasses[first] as number]}</bdi>`);
    expect(grid).toContain(`said <bdi>${classLabels[predictedClasses[first] as number]}</bdi>`);
  });

  test("needs nothing from outside and allows no scripts", () => {
    const html = reportHTML(whole);
    expect(html).toContain("default-src 'none'");
    expect(html.replaceAll('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(/https?:|\/\/[a-z]|@import|url\(/);
    expect(markupOf(html).elements).not.toContain("script");
  });

  test("takes names of classes, files and settings, and words, as text only", () => {
    const bad = `"><script>alert(1)</script><img src=x onerror='alert(2)'>\u202e`;
    const labels = [bad, `${bad} 2`];
    const made = madeUpEvaluation({ rows: 40, classLabels: labels, right: 0.5 });
    const names = Array.from({ length: 40 }, (_, row) => `${bad}/${row}`);
    const map: FeatureMap = {
      method: "pca",
      points: { dtype: "float64", shape: [40, 2], data: Float64Array.from({ length: 80 }, Math.sin) },
      classes: made.predictions.trueClasses,
      classLabels: labels,
      indices: made.predictions.indices,
      allRows: 40,
    };
    const report: RunReport = {
      ...{ title: bad, remarks: bad, evaluation: made, fileNames: names, featureMap: map },
      settings: { [bad]: bad },
      thumbnails: new Map([[names[0] ?? "", { missing: bad }]]),
      trainingLabels: [0, 0, 0, 0, 1],
    };
    const [plain, hostile] = [markupOf(reportHTML(whole)), markupOf(reportHTML(report))];
    expect([...hostile.elements].filter((name) => !plain.elements.has(name))).toEqual([]);
    expect([...hostile.attributes].filter((name) => !plain.attributes.has(name) && name !== "paint-order")).toEqual([]);
    expect(reportHTML(report)).not.toContain("\u202e");
  });

  test("says where figures are shaky: few rows, uneven classes, classes without training", () => {
    expect(reportHTML(whole)).not.toContain('class="note"');
    const few = { evaluation: madeUpEvaluation({ rows: 9, classLabels }) };
    expect(reportHTML(few)).toContain("3 classes have fewer than 10 rows here");
    const labels = [...new Array<number>(40).fill(0), 1, 1, 1, 1, 2, 2, 2, 2, 2];
    expect(reportHTML({ ...whole, trainingLabels: labels })).toContain("was trained on 40 rows, <bdi>dog</bdi> on 4");
    expect(reportHTML({ ...whole, trainingLabels: [0, 2] })).toContain("Nothing was trained on for <bdi>dog</bdi>.");
  });

  test.each([
    [
      "a probability is missing",
      {
        ...whole,
        evaluation: { ...evaluation, predictions: { ...evaluation.predictions, predictedClasses: new Int32Array(3) } },
      },
      "ShapeMismatchError",
    ],
    ["names are fewer than rows", { ...whole, fileNames: ["one"] }, "InvalidArgumentError"],
    ["a training label is no class", { ...whole, trainingLabels: [0, 7] }, "InvalidArgumentError"],
    [
      "a thumbnail is a link",
      { ...whole, thumbnails: new Map(fileNames.map((name) => [name, { dataURI: "http://example.org/a.png" }])) },
      "InvalidArgumentError",
    ],
  ] as const)("is refused where %s", (_, report, name) => {
    expect(() => reportHTML(report)).toThrow(expect.objectContaining({ name }));
  });
});

describe("a report in a file", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "report-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("holds pictures of the mistakes, and words for one that cannot be decoded or is not there", async () => {
    const { trueClasses, predictedClasses } = evaluation.predictions;
    const wrong = [...trueClasses.keys()].filter((row) => trueClasses[row] !== predictedClasses[row]);
    const [broken, absent, shown = 0] = wrong;
    const rows = fileNames.flatMap((name, row) => (row === absent ? [] : [{ name, row }]));
    const pixels = { dtype: "uint8", shape: [40, 80, 3], data: new Uint8Array(9600).fill(90) } as const;
    const images = imageList(
      rows.map(({ row }) => (row === broken ? new Uint8Array(20) : pixels)),
      { names: rows.map(({ name }) => name) },
    );
    const path = join(folder, "report.html");
    await writeReport(path, whole, { images, thumbnailSize: 32 });
    const html = await readFile(path, "utf8");
    expect(html).toContain('<div class="missing">not among the pictures that were given</div>');
    expect(html).toMatch(/<div class="missing">it is not a JPEG/);
    const [, base64 = ""] =
      new RegExp(`<img src="data:image/jpeg;base64,([^"]+)" alt="${fileNames[shown]}"`).exec(html) ?? [];
    expect(await sharp(Buffer.from(base64, "base64")).metadata()).toMatchObject({ width: 32, height: 16 });
    const right = [...trueClasses.keys()].find((row) => trueClasses[row] === predictedClasses[row]) ?? 0;
    expect(html).not.toContain(`alt="${fileNames[right]}"`);
  });

  const explainable = () => {
    const pixels = { dtype: "uint8", shape: [40, 80, 3], data: new Uint8Array(9600).fill(90) } as const;
    return imageList(
      fileNames.map(() => pixels),
      { names: fileNames },
    );
  };
  /** A heat map that is 1 in the place of the class. */
  const answer = (count: number, classIndex: readonly number[]) => ({
    images: { dtype: "uint8", shape: [count, 6, 6, 3], data: new Uint8Array(count * 108).fill(120) } as const,
    heatmaps: {
      dtype: "float32",
      shape: [count, 1, 3],
      data: Float32Array.from({ length: 3 * count }, (_, at) => (classIndex[Math.floor(at / 3)] === at % 3 ? 1 : 0)),
    } as const,
  });

  test("shows where the classifier looked, in mistakes for both classes, and in a picture of each class", async () => {
    const path = join(folder, "explained.html");
    const asked: number[] = [];
    await writeReport(path, whole, {
      images: explainable(),
      gradCam: async (pictures, classIndex) => {
        asked.push(...classIndex);
        return answer(pictures.length, classIndex);
      },
    });
    const html = await readFile(path, "utf8");
    const section = /<section id="explanations">(.*?)<\/section>/s.exec(html)?.[1] ?? "";
    const rows = [
      ...section.matchAll(
        /<div class="pair"><div><bdi>([^<]*)<.*?is <bdi>(\w+)<.*?said <bdi>(\w+)<(.*?)<\/div><\/div>/gs,
      ),
    ];
    const { trueClasses, predictedClasses } = evaluation.predictions;
    const told = rows.map(([, name = "", truth = "", said = "", strip = ""]) => {
      const row = fileNames.indexOf(name);
      expect([truth, said]).toEqual([
        classLabels[trueClasses[row] as number],
        classLabels[predictedClasses[row] as number],
      ]);
      return (
        [...strip.matchAll(/<figcaption>for <bdi>(\w+)/g)].map(([, label]) => label).join() ===
        [...new Set([said, truth])].join()
      );
    });
    expect(told).toEqual(new Array(11).fill(true));
    expect(asked).toHaveLength(8 * 2 + 3);
    expect(section.match(/<img /g)).toHaveLength(11 + asked.length);
  });

  test.each([
    ["without pictures", async () => answer(0, []), undefined, /`gradCam` was passed, but no `images`/],
    [
      "with too few heat maps",
      async () => answer(2, [0, 1]),
      "given",
      /asked about 19 pictures, and gave 2 pictures with 2/,
    ],
  ] as const)("to be explained %s is refused", async (_, gradCam, given, message) => {
    const images = given && explainable();
    await expect(writeReport(join(folder, "x.html"), whole, { images, gradCam })).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(message),
    });
  });

  test("names the machine, its versions and what computed", async () => {
    const { version: ours } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
    const machine = describeMachine({ name: "onnx", description: "ONNX Runtime 9, CPU", skipped: [] });
    expect(machine).toMatchObject({
      "cnn-transfer": ours,
      node: process.version,
      backend: "onnx: ONNX Runtime 9, CPU",
    });
    const html = reportHTML({ ...whole, machine });
    for (const fact of Object.values(machine)) expect(html).toContain(`<dd><bdi>${fact}</bdi></dd>`);
  });

  test("replaces an older one, unless told not to", async () => {
    const path = join(folder, "again.html");
    await writeFile(path, "old");
    await expect(writeReport(path, { evaluation }, { overwrite: false })).rejects.toMatchObject({ reason: "exists" });
    expect(await readFile(path, "utf8")).toBe("old");
    await writeReport(path, { evaluation });
    expect(await readFile(path, "utf8")).toMatch(/^<!doctype html>/);
  });

  test("with pictures but no names to find them by is refused", async () => {
    await expect(writeReport(join(folder, "x.html"), { evaluation }, { images: imageList([]) })).rejects.toThrow(
      /no `fileNames`/,
    );
  });
});

describe("a map of features", () => {
  const settings = { rows: 90, width: 8, classes: 3, seed: 5, overlap: 0.4 };
  const data = clusteredData(settings);

  test.each(["pca", "umap"] as const)("by %s keeps rows of a class together, and is the same again", async (method) => {
    const map = await featureMap(data, { method, seed: 3 });
    expect(map).toMatchObject({ method, allRows: 90, classLabels: data.classLabels });
    const { points, classes } = map;
    const [x, y] = [(i: number) => points.data[2 * i] as number, (i: number) => points.data[2 * i + 1] as number];
    const alike = [...classes.keys()].filter((row) => {
      const others = [...classes.keys()].filter((other) => other !== row);
      const distance = (other: number) => Math.hypot(x(row) - x(other), y(row) - y(other));
      const [nearest = 0] = others.sort((a, b) => distance(a) - distance(b));
      return classes[nearest] === classes[row];
    });
    expect(alike.length).toBeGreaterThan(80);
    expect(await featureMap(data, { method, seed: 3 })).toEqual(map);
  });

  test("draws some of many rows at random, each with its own class and place", async () => {
    const indexed: TrainingData = {
      ...data,
      length: data.length,
      async *[Symbol.asyncIterator]() {
        let first = 1000;
        for await (const batch of data) {
          const rows = batch.ys.data.length;
          yield { ...batch, indices: Uint32Array.from({ length: rows }, (_, i) => first + i) };
          first += rows;
        }
      },
    };
    const map = await featureMap(indexed, { rows: 20, seed: 1 });
    expect(map.points.shape).toEqual([20, 2]);
    expect(map.allRows).toBe(90);
    const places = [...(map.indices ?? [])].map((index) => index - 1000);
    expect(new Set(places).size).toBe(20);
    expect([...map.classes]).toEqual(places.map((place) => data.ys[place]));
    const other = await featureMap(indexed, { rows: 20, seed: 2 });
    expect(other.indices).not.toEqual(map.indices);
  });

  test.each([
    [{ method: "tsne" as never }, /`method` is "tsne"/],
    [{ rows: 1 }, /`rows` is 1/],
    [{ method: "umap" as const, neighbors: 90 }, /"umap" needs at least 91 rows/],
    [{ neighbors: 0.5 }, /`neighbors` is 0.5/],
  ])("with %j is refused", async (options, message) => {
    await expect(featureMap(data, options)).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(message),
    });
  });

  test("by UMAP says what to install where its package is missing", async () => {
    vi.doMock("umap-js", () => {
      throw new Error("Cannot find package 'umap-js'");
    });
    try {
      vi.resetModules();
      const { featureMap: mapWithout } = await import("../../src/report/feature-map.js");
      await expect(mapWithout(data, { method: "umap" })).rejects.toMatchObject({
        name: "UnsupportedError",
        message: expect.stringMatching(/npm install umap-js/),
      });
      expect((await mapWithout(data)).method).toBe("pca");
    } finally {
      vi.doUnmock("umap-js");
    }
  });

  test("stops when it is told to", async () => {
    const reason = new Error("enough");
    await expect(featureMap(data, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

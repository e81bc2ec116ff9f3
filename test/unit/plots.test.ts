import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { roundTicks, tickText } from "../../src/report/axis.js";
import type { FeatureMap } from "../../src/report/feature-map.js";
import { plotCalibration } from "../../src/report/plot-calibration.js";
import { plotClassScores } from "../../src/report/plot-class-scores.js";
import { plotConfusionMatrix } from "../../src/report/plot-confusion-matrix.js";
import { plotFeatureMap } from "../../src/report/plot-feature-map.js";
import { plotHistory } from "../../src/report/plot-history.js";
import { plotPictures } from "../../src/report/plot-pictures.js";
import { svgToPNG } from "../../src/report/rasterize.node.js";
import { shorten, textWidth } from "../../src/report/svg.js";
import { thumbnail } from "../../src/report/thumbnail.js";
import { calibration } from "../../src/training/calibration.js";
import type { EpochLog } from "../../src/training/history.js";
import { madeUpEvaluation } from "../support/predicted.js";

const hostile = [
  "<script>alert(1)</script>",
  "\"'><image href=x onerror=alert(1)>",
  "]]><!-- & &amp;",
  "tail\u202egpj.exe",
  "\u0000\u0007\ud800 end",
  "a very long name ".repeat(20),
  "日本語のクラス",
];

const history: readonly EpochLog[] = [1, 2, 3, 4, 5].map((epoch) => ({
  epoch,
  loss: epoch === 3 ? Number.NaN : 4 / epoch,
  accuracy: 0.1 * epoch,
  valLoss: [3, 2, 1, 1.5, 1.8][epoch - 1] as number,
  valAccuracy: 0.15 * epoch,
  learningRate: 0.001,
}));

function mapOf(classLabels: readonly string[], points: readonly number[]): FeatureMap {
  const rows = points.length / 2;
  return {
    method: "pca",
    points: { dtype: "float64", shape: [rows, 2], data: Float64Array.from(points) },
    classes: Int32Array.from({ length: rows }, (_, row) => row % classLabels.length),
    classLabels,
    indices: Uint32Array.from({ length: rows }, (_, row) => row),
    allRows: rows,
  };
}

const picture = "data:image/gif;base64,R0lGODdhAQABAIAAAP///////ywAAAAAAQABAAACAkQBADs=";

function plotsOf(labels: readonly string[], rows: number): Readonly<Record<string, string>> {
  const evaluation = madeUpEvaluation({ rows, classLabels: labels });
  const points = Array.from({ length: 2 * rows }, (_, i) => Math.sin(i));
  return {
    "confusion matrix": plotConfusionMatrix(evaluation, { title: labels[0] }),
    "class scores": plotClassScores(evaluation.perClass, { title: labels[0] }),
    calibration: plotCalibration(calibration(evaluation.predictions), { title: labels[0] }),
    "feature map": plotFeatureMap(mapOf(labels, points), {
      title: labels[0],
      fileNames: Array.from({ length: rows }, (_, row) => labels[row % labels.length] ?? ""),
    }),
    history: plotHistory(history, { title: labels[0] }),
    pictures: plotPictures(labels.map((name) => ({ dataURI: picture, name, lines: [name, "97 %"] }))),
  };
}

describe("every picture", () => {
  test.each(Object.entries(plotsOf(hostile, 30)))(
    "%s: names from outside are text, and the whole is well-formed XML that librsvg draws",
    async (_, svg) => {
      const tags = [...svg.matchAll(/<(\/?)([a-zA-Z!?]+)/g)].map(([, , name]) => name);
      const known = ["svg", "style", "rect", "text", "title", "g", "line", "path", "circle", "image"];
      expect([...new Set(tags)].filter((tag) => !known.includes(tag ?? ""))).toEqual([]);
      expect(svg).not.toMatch(/<[^>]* on[a-z]+=/);
      expect(svg).not.toMatch(/\p{Cc}|\u202e|\p{Surrogate}/u);
      const { width, height } = await sharp(await svgToPNG(svg, { scale: 1 })).metadata();
      const [, wide, tall] = /width="([\d.]+)" height="([\d.]+)"/.exec(svg) ?? [];
      expect([width, height]).toEqual([Math.round(Number(wide)), Math.round(Number(tall))]);
    },
  );

  test.each(
    Object.entries(
      plotsOf(
        Array.from({ length: 200 }, (_, i) => `class number ${i}`),
        400,
      ),
    ),
  )("%s: of 200 classes no coordinate is missing and no text smaller than 8 pixels", (_, svg) => {
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    const sizes = [...svg.matchAll(/font-size="([\d.]+)"/g)].map(([, size]) => Number(size));
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(8);
  });

  test.each(Object.entries(plotsOf(["only"], 1)))("%s: of one class and one row has no broken coordinate", (_, svg) => {
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  test("says what it shows to those who do not see it", () => {
    for (const svg of Object.values(plotsOf(["cat", "dog"], 10))) {
      expect(svg).toMatch(/^<svg [^>]*role="img" aria-label="[^"]{6,}"/);
    }
  });
});

/** Places of the points of a line, by their tooltip. */
function pointsOf(svg: string, series: string): readonly { readonly epoch: number; readonly cy: number }[] {
  const found = svg.matchAll(new RegExp(`cy="([\\d.]+)"[^>]*><title>${series}, epoch (\\d+)`, "g"));
  return [...found].map(([, cy, epoch]) => ({ epoch: Number(epoch), cy: Number(cy) }));
}

describe("the history", () => {
  const svg = plotHistory(history);

  test("has a point for each finite value, the higher the greater", () => {
    const loss = pointsOf(svg, "validation").slice(0, 5);
    expect(loss.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5]);
    const order = [...loss].sort((a, b) => b.cy - a.cy).map(({ epoch }) => epoch);
    expect(order).toEqual([3, 4, 5, 2, 1]);
    // Steps of equal size are equally far apart.
    expect((loss[1]?.cy ?? 0) - (loss[0]?.cy ?? 0)).toBeCloseTo((loss[2]?.cy ?? 0) - (loss[1]?.cy ?? 0), 1);
  });

  test("breaks a line at a value that is not finite, and says so", () => {
    expect(pointsOf(svg, "training").map(({ epoch }) => epoch)).toEqual([1, 2, 4, 5, 1, 2, 3, 4, 5]);
    const [first] = [...svg.matchAll(/<path d="([^"]+)"/g)];
    expect(first?.[1]?.match(/M/g)).toHaveLength(2);
    expect(svg).toContain("epoch (1 value is not finite)");
  });

  test("marks the lowest validation loss and the highest validation accuracy", () => {
    expect(svg).toContain("best 1.000, epoch 3 (validation)");
    expect(svg).toContain("best 75.0\u00a0%, epoch 5 (validation)");
  });

  test("without validation has only the lines of training, and marks the best of those", () => {
    const trained = plotHistory(history.map(({ valLoss: _, valAccuracy: __, ...log }) => log));
    expect(trained).not.toContain("validation");
    expect(trained).toContain("best 0.8000, epoch 5 (training)");
  });

  test("of a regression has its mean absolute error in the place of the accuracy", () => {
    const regression = history.map(({ epoch, loss, learningRate }) => ({
      ...{ epoch, loss, learningRate },
      meanAbsoluteError: 10 - epoch,
    }));
    const drawn = plotHistory(regression);
    expect(drawn).toContain('aria-label="Loss and Mean absolute error over 5 epochs"');
    expect(drawn).toContain("best 5.000, epoch 5");
    expect(drawn).not.toContain("Accuracy");
  });

  test("of no epochs is refused", () => {
    expect(() => plotHistory([])).toThrow(expect.objectContaining({ name: "InvalidArgumentError" }));
  });
});

describe("the confusion matrix", () => {
  const report = {
    confusionMatrix: [
      [8, 2],
      [0, 5],
    ],
    perClass: madeUpEvaluation({ rows: 4, classLabels: ["cat", "dog"] }).perClass,
  };

  test("has every count that is not 0 in the line of the true and the column of the predicted class", () => {
    const svg = plotConfusionMatrix(report);
    expect(svg).toContain("2 of 10 cat: taken for dog (20.0\u00a0%)");
    expect(svg).toContain("5 of 5 dog: taken for dog (100.0\u00a0%)");
    expect(svg).not.toContain("0 of 5");
    const cell = (said: string) =>
      new RegExp(`${said}.*?<rect x="([\\d.]+)" y="([\\d.]+)"`).exec(svg)?.slice(1).map(Number) ?? [];
    const [hit, miss, other] = [cell("8 of 10"), cell("2 of 10"), cell("5 of 5")];
    expect(miss[1]).toBe(hit[1]);
    expect(miss[0]).toBe(other[0]);
    expect(miss[0]).toBeGreaterThan(hit[0] ?? 0);
    expect(other[1]).toBeGreaterThan(hit[1] ?? 0);
  });

  test("of hundreds of classes has those that are taken for each other most, and every row once", () => {
    const labels = Array.from({ length: 300 }, (_, i) => `class ${i}`);
    const confusionMatrix = labels.map((_, row) => labels.map((__, column) => (row === column ? 5 : 0)));
    const confuse = (row: number, column: number, count: number) => {
      (confusionMatrix[row] as number[])[column] = count;
    };
    confuse(250, 7, 4);
    confuse(7, 250, 3);
    confuse(100, 101, 6);
    confuse(3, 299, 1);
    const { perClass } = madeUpEvaluation({ rows: 300, classLabels: labels });
    const svg = plotConfusionMatrix({ confusionMatrix, perClass }, { classes: 4 });
    expect(svg).toContain("the 4 of 300 classes that are taken for each other most");
    const said = [...svg.matchAll(/<title>(\d+) (?:of \d+ (?=class)|(?=rows))([^<:]*)(?:: taken for ([^<(]*) \()?/g)];
    expect(said.map(([, count, label, other]) => [Number(count), label, other ?? ""])).toEqual([
      [5, "class 7", "class 7"],
      [3, "class 7", "class 250"],
      [5, "class 100", "class 100"],
      [6, "class 100", "class 101"],
      [5, "class 101", "class 101"],
      [4, "class 250", "class 7"],
      [5, "class 250", "class 250"],
      [1481, "rows of 296 others, right or taken for each other", ""],
    ]);
    expect(plotConfusionMatrix({ confusionMatrix, perClass }).length).toBeLessThan(60_000);
    expect(() => plotConfusionMatrix({ confusionMatrix, perClass }, { classes: 1 })).toThrow(/`classes` is 1/);
  });

  test("that is not square, or of other classes, is refused", () => {
    for (const confusionMatrix of [[[1, 2]], [[1], [2]], []]) {
      expect(() => plotConfusionMatrix({ ...report, confusionMatrix })).toThrow(
        expect.objectContaining({ name: "ShapeMismatchError", expected: [2, 2] }),
      );
    }
  });
});

test("bars of the classes are as long as their figures", () => {
  const scores = { label: "cat", precision: 0.25, recall: 0.5, f1: 1 / 3, support: 1 };
  const svg = plotClassScores([scores]);
  const [full, ...widths] = [...svg.matchAll(/<rect [^>]*width="([\d.]+)" height="9"/g)].map(([, width]) =>
    Number(width),
  );
  expect(widths.filter((_, i) => i % 2 === 0).map((width) => width / (full ?? 1))).toEqual([
    0.25,
    0.5,
    expect.closeTo(1 / 3, 3),
  ]);
  expect(svg).toContain("1 row<");
});

test("bars of hundreds of classes are those with the lowest F1, the lowest first", () => {
  const scores = Array.from({ length: 200 }, (_, i) => ({
    ...{ label: `class ${i}`, precision: 1, recall: 1, support: 3 },
    f1: ((i * 37) % 200) / 200,
  }));
  const labels = (svg: string) =>
    [...svg.matchAll(/<title>(class \d+): F1|<title>(class \d+): f1/g)].map(([, a, b]) => a ?? b);
  const lowest = [...scores].sort((a, b) => a.f1 - b.f1).map(({ label }) => label);
  expect(labels(plotClassScores(scores))).toEqual(lowest.slice(0, 24));
  const three = plotClassScores(scores, { classes: 3 });
  expect(labels(three)).toEqual(lowest.slice(0, 3));
  expect(three).toContain("the 3 of 200 classes with the lowest F1");
  expect(() => plotClassScores(scores, { classes: 0.5 })).toThrow(/`classes` is 0.5/);
});

test("the reliability diagram has a bar for each bin with rows, as high as the part that is right", () => {
  const bins = [
    { above: 0, upTo: 0.5, rows: 4, confidence: 0.4, accuracy: 0.25 },
    { above: 0.5, upTo: 1, rows: 40, confidence: 0.9, accuracy: 0.75 },
  ];
  const svg = plotCalibration({
    ece: 0.15,
    bins: [...bins, { above: 1, upTo: 1, rows: 0, confidence: 0, accuracy: 0 }],
  });
  const bars = [...svg.matchAll(/height="([\d.]+)" fill="#2f7dbf" fill-opacity="([\d.]+)"/g)].map(
    ([, height, opacity]) => [Number(height) / 340, Number(opacity)],
  );
  expect(bars).toEqual([
    [0.25, 0.35],
    [0.75, 1],
  ]);
  expect(svg).toContain("ECE 15.0\u00a0%");
});

describe("the map of features", () => {
  test("says how many points have no place, and how many rows were left out", () => {
    const svg = plotFeatureMap({ ...mapOf(["cat", "dog"], [0, 0, Number.NaN, 1, 2, 2]), allRows: 50 });
    expect(svg).toContain("3 of 50 rows, drawn at random; 1 without a place: not finite");
    expect(svg).not.toContain("NaN");
  });

  test("tells neighbouring classes apart by colour and by form", () => {
    const labels = Array.from({ length: 24 }, (_, i) => `class ${i}`);
    const svg = plotFeatureMap(
      mapOf(
        labels,
        Array.from({ length: 96 }, () => 0),
      ),
    );
    const key = [...svg.matchAll(/<title>(class \d+)<\/title><path d="M[\d.]+ [\d.]+([^"]*)" fill="([^"]+)"\/>/g)];
    expect(key).toHaveLength(24);
    const forms = key.map(([, , form, color]) => `${form?.replace(/[\d.\s-]+/g, "")} ${form?.length} ${color}`);
    for (const [i, form] of forms.entries()) if (i > 0) expect(form).not.toBe(forms[i - 1]);
  });

  test.each([
    ["fewer names than rows", mapOf(["cat"], [0, 0, 1, 1]), ["one"], "InvalidArgumentError"],
    [
      "names but no places in a file",
      { ...mapOf(["cat"], [0, 0]), indices: undefined },
      ["one"],
      "InvalidArgumentError",
    ],
    [
      "points in space",
      { ...mapOf(["cat"], [0, 0]), points: { dtype: "float64", shape: [1, 3], data: new Float64Array(3) } },
      undefined,
      "ShapeMismatchError",
    ],
    ["no points", mapOf(["cat"], []), undefined, "InvalidArgumentError"],
    ["an unknown class", { ...mapOf(["cat"], [0, 0]), classes: Int32Array.of(1) }, undefined, "InvalidArgumentError"],
  ] as const)("of %s is refused", (_, map, fileNames, name) => {
    expect(() => plotFeatureMap(map as FeatureMap, { fileNames })).toThrow(expect.objectContaining({ name }));
  });
});

describe("pictures", () => {
  test.each([
    "http://example.org/x.png",
    "data:text/html;base64,PHNjcmlwdD4=",
    "data:image/svg+xml;base64,AAAA",
    'data:image/png;base64,AA" onload="x',
  ])("that are not pictures inside the page are refused: %s", (dataURI) => {
    expect(() => plotPictures([{ dataURI, name: "x" }])).toThrow(
      expect.objectContaining({ name: "InvalidArgumentError" }),
    );
  });

  test.each([
    [{ columns: 0 }, /`columns` is 0/],
    [{ size: 4 }, /`size` is 4/],
  ])("with %j are refused", (options, message) => {
    expect(() => plotPictures([{ dataURI: picture, name: "x" }], options)).toThrow(message);
  });

  test("become thumbnails with their own proportions and colours", async () => {
    const pixels = new Uint8Array(300 * 100 * 3).map((_, i) => [200, 60, 20][i % 3] as number);
    const uri = await thumbnail({ dtype: "uint8", shape: [100, 300, 3], data: pixels }, { size: 60 });
    const decoded = await sharp(Buffer.from(uri.split(",")[1] ?? "", "base64"))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([decoded.info.width, decoded.info.height]).toEqual([60, 20]);
    for (const [channel, value] of [200, 60, 20].entries()) {
      expect(Math.abs((decoded.data[channel] as number) - value)).toBeLessThanOrEqual(3);
    }
  });

  test("that are small already are not made larger", async () => {
    const uri = await thumbnail({ dtype: "uint8", shape: [5, 7, 3], data: new Uint8Array(105) });
    expect(await sharp(Buffer.from(uri.split(",")[1] ?? "", "base64")).metadata()).toMatchObject({
      width: 7,
      height: 5,
    });
  });
});

describe("PNG files", () => {
  test("have as many pixels as asked for, with light paper below", async () => {
    const png = await svgToPNG(plotHistory(history), { scale: 2 });
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect(info.width).toBe(1760);
    const middle = (Math.floor(info.height / 2) * info.width + 880) * info.channels;
    expect([...data.subarray(middle, middle + 3)].every((value) => value > 220)).toBe(true);
  });

  test.each([
    ["no SVG", "<p>not a picture", {}],
    ["a scale of 0", plotHistory(history), { scale: 0 }],
  ])("of %s are refused in words", async (_, svg, options) => {
    await expect(svgToPNG(svg, options)).rejects.toMatchObject({ name: "InvalidArgumentError" });
  });
});

describe("axes", () => {
  test.each([
    [0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [0.13, 3.7, [0, 1, 2, 3, 4]],
    [-2, 7, [-2, 0, 2, 4, 6, 8]],
    [5, 5, [5, 6]],
  ])("from %f to %f have round marks", (low, high, values) => {
    const ticks = roundTicks(low, high);
    expect(ticks.values).toEqual(values.map((value) => expect.closeTo(value, 9)));
    expect(ticks.low).toBeLessThanOrEqual(low);
    expect(ticks.high).toBeGreaterThanOrEqual(high);
  });

  test.each([
    [0.30000000000000004, 0.1, "0.3"],
    [1, 0.25, "1.0"],
    [20, 20, "20"],
    [3e7, 1e7, "3.0e+7"],
    [0, 1e-120, "0"],
  ])("write %f in steps of %f as %s", (value, step, text) => {
    expect(tickText(value, step)).toBe(text);
  });
});

test("long names lose their middle, not their ends, and fit", () => {
  const short = shorten("cats/a long folder/picture 0001.jpg", 120, 12);
  expect(short).toMatch(/^cats.*….*1\.jpg$/);
  expect(textWidth(short, 12)).toBeLessThanOrEqual(120);
  expect(shorten("cat.jpg", 120, 12)).toBe("cat.jpg");
});

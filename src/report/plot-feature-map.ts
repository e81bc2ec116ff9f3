import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import { checkArray } from "../options/check-array.js";
import { checkOptions } from "../options/check-options.js";
import { roundTicks } from "./axis.js";
import type { FeatureMap } from "./feature-map.js";
import type { PlotOptions } from "./plot-history.js";
import {
  element,
  heading,
  headingHeight,
  palette,
  percent,
  shorten,
  svgDocument,
  textAt,
  textWidth,
  tooltip,
} from "./svg.js";

/** Up to so many classes have a place in the key; names of more stand among their points. */
const keyClasses = 24;
const keyWidth = 190;
const marks = [
  (x: number, y: number) => `M${x - 4} ${y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z`,
  (x: number, y: number) => `M${x} ${y - 4.8}L${x + 4.5} ${y + 3.4}L${x - 4.5} ${y + 3.4}Z`,
  (x: number, y: number) => `M${x - 3.6} ${y - 3.6}h7.2v7.2h-7.2Z`,
  (x: number, y: number) => `M${x} ${y - 5}L${x + 4.4} ${y}L${x} ${y + 5}L${x - 4.4} ${y}Z`,
  (x: number, y: number) => `M${x} ${y + 4.8}L${x + 4.5} ${y - 3.4}L${x - 4.5} ${y - 3.4}Z`,
] as const;

/**
 * Draws a map of features: each row a point, classes told apart by colour and by form.
 *
 * A point that is NaN or infinite has no place; the picture says how many there are.
 *
 * @param options.fileNames names of all rows of the data's file, for tooltips, as `HDF5DatasetGenerator.fileNames()` gives them
 * @returns an SVG document
 * @throws ShapeMismatchError if there are not as many classes as points
 * @throws InvalidArgumentError if there are no points, a class is unknown, or names are given and a point has none
 */
export function plotFeatureMap(
  map: FeatureMap,
  options: PlotOptions & { readonly fileNames?: readonly string[] | undefined } = {},
): string {
  checkOptions("plotFeatureMap", options, { title: true, fileNames: true });
  checkArray("map.points", map?.points, "a map that featureMap gives, whose points are");
  const { title = "Map of the features", fileNames } = options;
  const { points, classes, classLabels } = map;
  const [count = 0, axes] = points.shape;
  checkMap(map);
  const names = fileNames && namesOf(map, fileNames);
  const top = headingHeight(title);
  const hasKey = classLabels.length <= keyClasses;
  const [left, width, height] = [40, 640, 460];
  const place = (axis: number) => {
    const values = Array.from({ length: count }, (_, i) => points.data[i * (axes ?? 2) + axis] as number);
    const finite = values.filter(Number.isFinite);
    const low = finite.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const high = finite.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const pad = finite.length === 0 ? 1 : (high - low || 1) * 0.05;
    return finite.length === 0 ? { values, low: -1, high: 1 } : { values, low: low - pad, high: high + pad };
  };
  const [across, up] = [place(0), place(1)];
  const x = (value: number) => left + ((value - across.low) / (across.high - across.low)) * width;
  const y = (value: number) => top + height - ((value - up.low) / (up.high - up.low)) * height;
  const drawn: string[] = [];
  const centers: { readonly sum: [number, number]; count: number }[] = classLabels.map(() => ({
    sum: [0, 0],
    count: 0,
  }));
  let missing = 0;
  for (const [row, label] of classes.entries()) {
    const [px, py] = [x(across.values[row] as number), y(up.values[row] as number)];
    if (!Number.isFinite(px) || !Number.isFinite(py)) {
      missing++;
      continue;
    }
    const center = centers[label];
    if (center) {
      center.sum[0] += px;
      center.sum[1] += py;
      center.count++;
    }
    const name = names?.[row];
    const said = name === undefined ? classLabels[label] : `${name} (${classLabels[label]})`;
    const path = element(
      "path",
      { d: mark(label)(round(px), round(py)), fill: color(label), "fill-opacity": 0.72 },
      tooltip(said ?? ""),
    );
    drawn.push(path);
  }
  const remarks = [
    count < map.allRows ? `${count} of ${map.allRows} rows, drawn at random` : `${count} rows`,
    ...(missing > 0 ? [`${missing} without a place: not finite`] : []),
  ];
  return svgDocument(
    { width: left + width + (hasKey ? keyWidth : 30), height: top + height + 52 },
    `Map of ${count} rows of features by ${map.method === "pca" ? "principal components" : "UMAP"}`,
    heading(title),
    element("rect", { class: "ct-band", x: left, y: top, width, height, rx: 4 }),
    ...(map.method === "pca" ? gridLines(across, up, x, y, { left, top, width, height }) : []),
    ...drawn,
    hasKey ? key(classLabels, left + width + 20, top + 6) : namesAtCenters(classLabels, centers),
    textAt(left, top + height + 22, axisText(map), { class: "ct-soft", "font-size": 11 }),
    textAt(left, top + height + 38, remarks.join("; "), { class: "ct-soft", "font-size": 11 }),
  );
}

function checkMap({ points, classes, classLabels }: FeatureMap): void {
  const [count = 0, axes] = points.shape;
  if (axes !== 2 || classes.length !== count) {
    throw new ShapeMismatchError(
      `Cannot draw a map of points [${points.shape.join(", ")}] with ${classes.length} classes: expected [rows, 2], and a class for every row.`,
      { expected: [null, 2], received: points.shape },
    );
  }
  if (count === 0) throw new InvalidArgumentError("Cannot draw a map of features: there are no points.");
  const unknown = classes.findIndex((label) => classLabels[label] === undefined);
  if (unknown === -1) return;
  throw new InvalidArgumentError(
    `Point ${unknown} has class ${classes[unknown]}, but the ${classLabels.length} class labels allow 0 to ${classLabels.length - 1}.`,
  );
}

function namesOf({ points, indices }: FeatureMap, fileNames: readonly string[]): readonly string[] {
  return Array.from({ length: points.shape[0] ?? 0 }, (_, row) => {
    const name = indices && fileNames[indices[row] as number];
    if (name !== undefined) return name;
    throw new InvalidArgumentError(
      `Point ${row} of the map has no name: ${indices ? `it is row ${indices[row]} of its file, and there are ${fileNames.length} names` : "the map does not say where its rows stand in a file"}.`,
    );
  });
}

function axisText({ method, explainedVarianceRatio }: FeatureMap): string {
  if (method === "umap") return "UMAP: near each other is alike; distances between groups say little";
  const [first = 0, second = 0] = explainedVarianceRatio ?? [];
  return explainedVarianceRatio === undefined
    ? "first principal component across, second upward"
    : `principal components: across ${percent(first)} of the variance, upward ${percent(second)}`;
}

interface Range {
  readonly low: number;
  readonly high: number;
}

function gridLines(
  across: Range,
  up: Range,
  x: (value: number) => number,
  y: (value: number) => number,
  place: { readonly left: number; readonly top: number; readonly width: number; readonly height: number },
): readonly string[] {
  const { left, top, width, height } = place;
  const inside = ({ low, high }: Range) =>
    roundTicks(low, high, 6).values.filter((value) => value > low && value < high);
  return [
    ...inside(across).map((value) =>
      element("line", { class: "ct-grid", x1: x(value), x2: x(value), y1: top, y2: top + height }),
    ),
    ...inside(up).map((value) =>
      element("line", { class: "ct-grid", x1: left, x2: left + width, y1: y(value), y2: y(value) }),
    ),
  ];
}

function key(classLabels: readonly string[], left: number, top: number): string {
  return classLabels
    .map((label, index) => {
      const y = top + index * 18;
      return element(
        "g",
        {},
        tooltip(label),
        element("path", { d: mark(index)(left + 5, y), fill: color(index) }),
        textAt(left + 18, y + 4, shorten(label, keyWidth - 46, 12)),
      );
    })
    .join("");
}

/** Names in the middle of their points, those of the largest classes first, as many as have room. */
function namesAtCenters(
  classLabels: readonly string[],
  centers: readonly { readonly sum: readonly [number, number]; readonly count: number }[],
): string {
  const taken: { readonly x: number; readonly y: number; readonly half: number }[] = [];
  return [...centers.entries()]
    .filter(([, { count }]) => count > 0)
    .sort(([, a], [, b]) => b.count - a.count)
    .map(([index, { sum, count }]) => {
      const label = shorten(classLabels[index] ?? "", 110, 11);
      const spot = { x: sum[0] / count, y: sum[1] / count, half: textWidth(label, 11) / 2 + 3 };
      const isTaken = taken.some(
        (other) => Math.abs(other.y - spot.y) < 13 && Math.abs(other.x - spot.x) < other.half + spot.half,
      );
      if (isTaken) return "";
      taken.push(spot);
      return textAt(spot.x, spot.y + 4, label, {
        class: "ct-ink ct-halo",
        "text-anchor": "middle",
        "font-size": 11,
        "font-weight": 600,
        "stroke-width": 3,
        "paint-order": "stroke",
      });
    })
    .join("");
}

function mark(label: number): (x: number, y: number) => string {
  return marks[Math.floor(label / palette.length + label) % marks.length] as (x: number, y: number) => string;
}

function color(label: number): string {
  return palette[label % palette.length] as string;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

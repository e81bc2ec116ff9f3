import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import { checkList } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import type { ClassificationReport } from "../training/classification-report.js";
import type { PlotOptions } from "./plot-history.js";
import {
  element,
  heading,
  headingHeight,
  percent,
  rightColor,
  shorten,
  svgDocument,
  textAt,
  textWidth,
  tooltip,
  wrongColor,
} from "./svg.js";

/** Up to so many classes the counts are written into the cells. */
const writtenClasses = 24;
const longestLabel = 150;
const keyWidth = 350;

/**
 * Draws which classes are taken for which: a line for each true class, a column for each predicted one. The stronger the
 * colour, the greater the part of the line's rows; hits are blue, mistakes orange. Beyond 24 classes the counts are in
 * tooltips only.
 *
 * @returns an SVG document
 * @throws InvalidArgumentError if there are no classes
 * @throws ShapeMismatchError if the matrix is not square, with a line for each class
 */
export function plotConfusionMatrix(
  report: Pick<ClassificationReport, "confusionMatrix" | "perClass">,
  options: PlotOptions = {},
): string {
  checkOptions("plotConfusionMatrix", options, { title: true });
  checkList("report.perClass", report?.perClass, "a classification report");
  checkList("report.confusionMatrix", report.confusionMatrix, "a classification report");
  const { title = "Confusion matrix" } = options;
  const { confusionMatrix, perClass } = report;
  const count = perClass.length;
  if (count === 0) throw new InvalidArgumentError("Cannot draw a confusion matrix: there are no classes.");
  if (confusionMatrix.length !== count || confusionMatrix.some((line) => line.length !== count)) {
    throw new ShapeMismatchError(
      `Cannot draw a confusion matrix of ${confusionMatrix.length} lines for ${count} classes: expected [${count}, ${count}].`,
      { expected: [count, count], received: [confusionMatrix.length, confusionMatrix[0]?.length ?? 0] },
    );
  }
  const labels = perClass.map(({ label }) => label);
  const cell = count <= 6 ? 64 : count <= 12 ? 46 : count <= writtenClasses ? 32 : count <= 60 ? 14 : 11;
  const fontSize = Math.min(12, Math.max(8.5, cell - 2));
  const names = labels.map((label) => shorten(label, longestLabel, fontSize));
  const longest = names.reduce((most, name) => Math.max(most, textWidth(name, fontSize)), 0);
  // Names of columns stand upright where they would run into each other.
  const upright = longest > cell - 6;
  const left = 44 + longest + 10;
  const top = headingHeight(title) + 26 + (upright ? longest : fontSize) + 8;
  const side = cell * count;
  const width = left + Math.max(side + 24, keyWidth);
  const height = top + side + 50;
  const cells = confusionMatrix.flatMap((line, row) => {
    const support = line.reduce((sum, value) => sum + value, 0);
    return line.flatMap((value, column) =>
      value === 0
        ? []
        : [drawCell({ value, support, row, column, left, top, cell, labels, isWritten: count <= writtenClasses })],
    );
  });
  const middle = left + side / 2;
  return svgDocument(
    { width, height },
    `Confusion matrix of ${count} classes`,
    heading(title),
    textAt(middle, headingHeight(title) + 12, "predicted", axisName),
    textAt(18, top + side / 2, "true", { ...axisName, transform: `rotate(-90 18 ${top + side / 2})` }),
    element("rect", { class: "ct-band", x: left, y: top, width: side, height: side }),
    count <= 60 ? grid(left, top, cell, count) : "",
    ...names.map((name, index) => {
      const [x, y] = [left + (index + 0.5) * cell, top + (index + 0.5) * cell];
      const soft = { "font-size": fontSize };
      const column = upright
        ? textAt(x + fontSize * 0.35, top - 8, name, {
            ...soft,
            transform: `rotate(-90 ${x + fontSize * 0.35} ${top - 8})`,
          })
        : textAt(x, top - 8, name, { ...soft, "text-anchor": "middle" });
      const row = textAt(left - 8, y + fontSize * 0.35, name, { ...soft, "text-anchor": "end" });
      return group(labels[index] ?? "", column, row);
    }),
    ...cells,
    key(left, top + side + 16),
  );
}

const axisName = { class: "ct-soft", "text-anchor": "middle", "font-size": 11 };

function group(title: string, ...children: readonly string[]): string {
  return element("g", {}, tooltip(title), ...children);
}

interface Cell {
  readonly value: number;
  /** Rows of the true class. */
  readonly support: number;
  readonly row: number;
  readonly column: number;
  readonly left: number;
  readonly top: number;
  readonly cell: number;
  readonly labels: readonly string[];
  readonly isWritten: boolean;
}

function drawCell({ value, support, row, column, left, top, cell, labels, isWritten }: Cell): string {
  const part = value / support;
  const strength = 0.14 + 0.86 * part;
  const [x, y] = [left + column * cell, top + row * cell];
  const gap = cell > 20 ? 1 : 0.25;
  const text = String(value);
  const fontSize = Math.min(13, (cell * 0.82) / Math.max(1, textWidth(text, 1)));
  const box = element("rect", {
    x: x + gap,
    y: y + gap,
    width: cell - 2 * gap,
    height: cell - 2 * gap,
    rx: cell > 20 ? 3 : 0,
    fill: row === column ? rightColor : wrongColor,
    "fill-opacity": strength,
  });
  const number = isWritten
    ? textAt(x + cell / 2, y + cell / 2 + fontSize * 0.36, text, {
        "text-anchor": "middle",
        "font-size": fontSize,
        ...(strength > 0.8 ? { class: undefined, fill: "#ffffff" } : {}),
      })
    : "";
  const said = `${value} of ${support} ${labels[row]}: taken for ${labels[column]} (${percent(part)})`;
  return group(said, box, number);
}

function grid(left: number, top: number, cell: number, count: number): string {
  return Array.from({ length: count + 1 }, (_, index) => {
    const [x, y] = [left + index * cell, top + index * cell];
    return (
      element("line", { class: "ct-grid", x1: x, x2: x, y1: top, y2: top + count * cell }) +
      element("line", { class: "ct-grid", x1: left, x2: left + count * cell, y1: y, y2: y })
    );
  }).join("");
}

/** What the colours say. */
function key(left: number, top: number): string {
  const entry = (x: number, color: string, text: string) =>
    [0.2, 0.6, 1]
      .map((opacity, i) =>
        element("rect", { x: x + i * 12, y: top, width: 12, height: 12, fill: color, "fill-opacity": opacity }),
      )
      .join("") + textAt(x + 42, top + 10, text, { class: "ct-soft", "font-size": 11 });
  return entry(left, rightColor, "right") + entry(left + 86, wrongColor, "wrong, by part of the class's rows");
}

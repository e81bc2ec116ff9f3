import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import { checkList } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import type { ClassificationReport } from "../training/classification-report.js";
import { mostConfused } from "./confused-classes.js";
import type { PlotOptions } from "./plot-history.js";
import { checkShownClasses } from "./shown-classes.js";
import {
  element,
  heading,
  headingHeight,
  palette,
  percent,
  rightColor,
  shorten,
  subheading,
  svgDocument,
  textAt,
  textWidth,
  tooltip,
  wrongColor,
} from "./svg.js";

/** Up to so many classes the counts are written into the cells. */
const writtenClasses = 25;
/** Up to so many classes are all drawn. */
const allClasses = 60;
const longestLabel = 150;
const keyWidth = 350;

/**
 * Draws which classes are taken for which: a line for each true class, a column for each predicted one. The stronger the
 * colour, the greater the part of the line's rows; hits are blue, mistakes orange. Beyond 25 classes the counts are in
 * tooltips only. Of very many classes it draws those that are taken for each other most, and all others as one.
 *
 * @param options.classes classes that have a line of their own, at most @default all up to 60; of more, 24
 * @returns an SVG document
 * @throws InvalidArgumentError if there are no classes, or `classes` is not an integer of at least 2
 * @throws ShapeMismatchError if the matrix is not square, with a line for each class
 */
export function plotConfusionMatrix(
  report: Pick<ClassificationReport, "confusionMatrix" | "perClass">,
  options: PlotOptions & { readonly classes?: number | undefined } = {},
): string {
  checkOptions("plotConfusionMatrix", options, { title: true, classes: true });
  checkList("report.perClass", report?.perClass, "a classification report");
  checkList("report.confusionMatrix", report.confusionMatrix, "a classification report");
  const { title = "Confusion matrix" } = options;
  const { perClass } = report;
  const classCount = perClass.length;
  const { classes: most = classCount <= allClasses ? classCount : writtenClasses - 1 } = options;
  if (classCount === 0) throw new InvalidArgumentError("Cannot draw a confusion matrix: there are no classes.");
  checkShownClasses(options.classes);
  checkSquare(report);
  const { labels, confusionMatrix, others } = mostConfused(report, most);
  const count = labels.length;
  const cell = count <= 6 ? 64 : count <= 12 ? 46 : count <= writtenClasses ? 32 : count <= 60 ? 14 : 11;
  const fontSize = Math.min(12, Math.max(8.5, cell - 2));
  const names = labels.map((label) => shorten(label, longestLabel, fontSize));
  const longest = names.reduce((most, name) => Math.max(most, textWidth(name, fontSize)), 0);
  // Names of columns stand upright where they would run into each other.
  const upright = longest > cell - 6;
  const left = 44 + longest + 10;
  const head = headingHeight(title) + (others > 0 ? 16 : 0);
  const top = head + 26 + (upright ? longest : fontSize) + 8;
  const side = cell * count;
  const width = left + Math.max(side + 24, keyWidth);
  const height = top + side + 50;
  const cells = confusionMatrix.flatMap((line, row) => {
    const support = line.reduce((sum, value) => sum + value, 0);
    return line.flatMap((value, column) =>
      value === 0
        ? []
        : [
            drawCell({
              value,
              support,
              row,
              column,
              left,
              top,
              cell,
              labels,
              isWritten: count <= writtenClasses,
              isMixed: others > 0 && row === column && row === count - 1,
            }),
          ],
    );
  });
  const middle = left + side / 2;
  return svgDocument(
    { width, height },
    `Confusion matrix of ${classCount} classes`,
    heading(title),
    others > 0 ? subheading(`the ${count - 1} of ${classCount} classes that are taken for each other most`, title) : "",
    textAt(middle, head + 12, "predicted", axisName),
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

function checkSquare({ confusionMatrix, perClass }: Pick<ClassificationReport, "confusionMatrix" | "perClass">): void {
  const count = perClass.length;
  if (confusionMatrix.length === count && confusionMatrix.every((line) => line.length === count)) return;
  throw new ShapeMismatchError(
    `Cannot draw a confusion matrix of ${confusionMatrix.length} lines for ${count} classes: expected [${count}, ${count}].`,
    { expected: [count, count], received: [confusionMatrix.length, confusionMatrix[0]?.length ?? 0] },
  );
}

/** Neither right nor wrong. */
const mixedColor = palette[6];
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
  /** Of other classes that were given other classes, not all of them right. */
  readonly isMixed: boolean;
}

function drawCell({ value, support, row, column, left, top, cell, labels, isWritten, isMixed }: Cell): string {
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
    fill: isMixed ? mixedColor : row === column ? rightColor : wrongColor,
    "fill-opacity": isMixed ? 0.14 : strength,
  });
  const number = isWritten
    ? textAt(x + cell / 2, y + cell / 2 + fontSize * 0.36, text, {
        "text-anchor": "middle",
        "font-size": fontSize,
        ...(strength > 0.8 && !isMixed ? { class: undefined, fill: "#ffffff" } : {}),
      })
    : "";
  const said = isMixed
    ? `${value} rows of ${labels[row]}, right or taken for each other`
    : `${value} of ${support} ${labels[row]}: taken for ${labels[column]} (${percent(part)})`;
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

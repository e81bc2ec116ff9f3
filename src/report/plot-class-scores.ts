import { InvalidArgumentError } from "../errors.js";
import { checkList } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import type { ClassScores } from "../training/classification-report.js";
import type { PlotOptions } from "./plot-history.js";
import { checkShownClasses } from "./shown-classes.js";
import {
  element,
  heading,
  headingHeight,
  palette,
  shorten,
  subheading,
  svgDocument,
  textAt,
  textWidth,
  tooltip,
} from "./svg.js";

const figures = [
  { name: "precision", shown: "precision", color: palette[0] },
  { name: "recall", shown: "recall", color: palette[4] },
  { name: "f1", shown: "F1", color: palette[2] },
] as const;
const longestLabel = 180;

/** Up to so many classes are all drawn. */
const allClasses = 60;
/** Of more, so many. */
const worstClasses = 24;

/**
 * Draws precision, recall and F1 of each class as bars, in the order of the classes. Of very many classes it draws those
 * with the lowest F1, the lowest first.
 *
 * @param options.classes classes that are drawn, at most @default all up to 60; of more, 24
 * @returns an SVG document
 * @throws InvalidArgumentError if there are no classes, or `classes` is not an integer of at least 2
 */
export function plotClassScores(
  scores: readonly ClassScores[],
  options: PlotOptions & { readonly classes?: number | undefined } = {},
): string {
  checkOptions("plotClassScores", options, { title: true, classes: true });
  checkList("scores", scores, "`perClass` of a classification report");
  const { title = "Precision, recall and F1" } = options;
  const { classes: most = scores.length <= allClasses ? scores.length : worstClasses } = options;
  checkShownClasses(options.classes);
  const isCut = scores.length > most;
  const perClass = isCut ? scores.toSorted((a, b) => a.f1 - b.f1).slice(0, most) : scores;
  if (perClass.length === 0) throw new InvalidArgumentError("Cannot draw the scores of classes: there are none.");
  const bar = perClass.length <= 24 ? 9 : 5;
  const step = figures.length * (bar + 1) + (perClass.length <= 24 ? 14 : 6);
  const names = perClass.map(({ label }) => shorten(label, longestLabel, 12));
  const longest = names.reduce((most, name) => Math.max(most, textWidth(name, 12)), 60);
  const left = 20 + longest + 12;
  const head = headingHeight(title) + (isCut ? 16 : 0);
  const top = head + 44;
  const span = 480;
  const width = left + span + 90;
  const bottom = top + perClass.length * step;
  const marks = [0, 0.25, 0.5, 0.75, 1].map((value) => {
    const x = left + value * span;
    return (
      element("line", { class: "ct-grid", x1: x, x2: x, y1: top - 6, y2: bottom }) +
      textAt(x, top - 12, value.toString(), { class: "ct-soft", "text-anchor": "middle", "font-size": 11 })
    );
  });
  const key = figures.map(({ shown, color }, i) => {
    const x = left + i * 92;
    const y = head + 2;
    return (
      element("rect", { x, y, width: 12, height: 12, rx: 2, fill: color }) +
      textAt(x + 18, y + 10, shown, { class: "ct-soft", "font-size": 11 })
    );
  });
  const lines = perClass.map((own, index) => {
    const y = top + index * step;
    const bars = figures.map(({ name, color }, i) => {
      const value = own[name];
      const at = y + i * (bar + 1);
      return element(
        "g",
        {},
        tooltip(`${own.label}: ${name} ${value.toFixed(3)}, ${rowCount(own.support)}`),
        element("rect", { class: "ct-band", x: left, y: at, width: span, height: bar }),
        element("rect", { x: left, y: at, width: Math.max(1, value * span), height: bar, rx: 1.5, fill: color }),
      );
    });
    const middle = y + (figures.length * (bar + 1)) / 2 + 4;
    return (
      textAt(left - 12, middle, names[index] ?? "", { "text-anchor": "end" }) +
      bars.join("") +
      textAt(left + span + 10, middle, rowCount(own.support), { class: "ct-soft", "font-size": 11 })
    );
  });
  return svgDocument(
    { width, height: bottom + 14 },
    `Precision, recall and F1 of ${isCut ? `the worst ${perClass.length} of ${scores.length}` : perClass.length} classes`,
    heading(title),
    isCut ? subheading(`the ${perClass.length} of ${scores.length} classes with the lowest F1`, title) : "",
    ...key,
    ...marks,
    ...lines,
  );
}

function rowCount(support: number): string {
  return support === 1 ? "1 row" : `${support} rows`;
}

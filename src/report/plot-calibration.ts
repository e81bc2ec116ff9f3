import { checkList } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import type { Calibration } from "../training/calibration.js";
import type { PlotOptions } from "./plot-history.js";
import { element, heading, headingHeight, palette, percent, svgDocument, textAt, tooltip } from "./svg.js";

/** Bars of fewer rows are pale, as one row more or less moves them far. */
const fewRows = 10;

/**
 * Draws a reliability diagram: of predictions that are so probable, how many are right, and below how many there are.
 * On the dashed line a classifier is right as often as it says; a bar below it is too sure of itself.
 *
 * Form: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, figure 1.
 *
 * @returns an SVG document
 *
 * @example
 * await writeFile("calibration.svg", plotCalibration(calibration(predictions)));
 */
export function plotCalibration(calibration: Calibration, options: PlotOptions = {}): string {
  checkOptions("plotCalibration", options, { title: true });
  checkList("calibration.bins", calibration?.bins, "what the function calibration gives");
  const { bins, ece } = calibration;
  const { title = "Calibration" } = options;
  const top = headingHeight(title) + 8;
  const [left, side, countsHeight] = [64, 340, 64];
  const countsTop = top + side + 22;
  const [width, height] = [left + side + 26, countsTop + countsHeight + 46];
  const most = bins.reduce((high, { rows }) => Math.max(high, rows), 1);
  const x = (value: number) => left + value * side;
  const y = (value: number) => top + (1 - value) * side;
  const marks = [0, 0.25, 0.5, 0.75, 1].map(
    (value) =>
      element("line", { class: "ct-grid", x1: left, x2: left + side, y1: y(value), y2: y(value) }) +
      textAt(left - 8, y(value) + 4, percent(value, 0), {
        class: "ct-soft",
        "text-anchor": "end",
        "font-size": 11,
      }) +
      textAt(x(value), countsTop + countsHeight + 16, percent(value, 0), {
        class: "ct-soft",
        "text-anchor": "middle",
        "font-size": 11,
      }),
  );
  const bars = bins.map(({ above, upTo, rows, confidence, accuracy }) => {
    if (rows === 0) return "";
    const [start, span] = [x(above) + 1, Math.max(1, x(upTo) - x(above) - 2)];
    const tall = (rows / most) * countsHeight;
    return element(
      "g",
      {},
      tooltip(
        `${percent(above)} to ${percent(upTo)}: ${rows} rows, right ${percent(accuracy)}, said ${percent(confidence)}`,
      ),
      element("rect", {
        x: start,
        y: y(accuracy),
        width: span,
        height: y(0) - y(accuracy),
        fill: palette[0],
        "fill-opacity": rows < fewRows ? 0.35 : 1,
        rx: 1.5,
      }),
      element("line", {
        x1: start,
        x2: start + span,
        y1: y(confidence),
        y2: y(confidence),
        stroke: palette[1],
        "stroke-width": 3,
      }),
      element("rect", {
        x: start,
        y: countsTop + countsHeight - tall,
        width: span,
        height: tall,
        fill: palette[6],
        rx: 1.5,
      }),
    );
  });
  const middle = left + side / 2;
  const soft = { class: "ct-soft", "text-anchor": "middle", "font-size": 11 };
  const turned = (at: number) => ({ ...soft, transform: `rotate(-90 16 ${at})` });
  return svgDocument(
    { width, height },
    `Reliability diagram, expected calibration error ${percent(ece)}`,
    heading(title),
    element("rect", { class: "ct-band", x: left, y: top, width: side, height: side }),
    ...marks,
    element("line", {
      class: "ct-line",
      x1: x(0),
      y1: y(0),
      x2: x(1),
      y2: y(1),
      "stroke-dasharray": "6 5",
      "stroke-opacity": 0.55,
    }),
    ...bars,
    textAt(left + 12, top + 24, `ECE ${percent(ece)}`, { "font-size": 13, "font-weight": 600 }),
    element("rect", { x: left + 12, y: top + 36, width: 12, height: 10, fill: palette[0], rx: 1.5 }),
    textAt(left + 30, top + 45, `right (pale: fewer than ${fewRows} rows)`, { class: "ct-soft", "font-size": 11 }),
    element("rect", { x: left + 12, y: top + 56, width: 12, height: 3, fill: palette[1] }),
    textAt(left + 30, top + 61, "said, on average", { class: "ct-soft", "font-size": 11 }),
    textAt(16, top + side / 2, "part that is right", turned(top + side / 2)),
    textAt(16, countsTop + countsHeight / 2, "rows", turned(countsTop + countsHeight / 2)),
    textAt(middle, countsTop + countsHeight + 36, "probability of the predicted class", soft),
  );
}

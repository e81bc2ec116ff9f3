import { InvalidArgumentError } from "../errors.js";
import { checkList } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import type { EpochFigure, EpochLog } from "../training/history.js";
import { roundTicks, type Ticks, tickText } from "./axis.js";
import { element, heading, headingHeight, palette, percent, svgDocument, textAt, textWidth, tooltip } from "./svg.js";

/** How a picture is titled. */
export interface PlotOptions {
  /** Stands above the picture; "" for none. */
  readonly title?: string | undefined;
}

interface Series {
  readonly name: string;
  readonly color: string;
  readonly dash: string | undefined;
  /** One for each epoch; undefined where there is none. */
  readonly values: readonly (number | undefined)[];
}

interface Panel {
  readonly name: string;
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
  readonly best: "lowest" | "highest";
}

interface Place {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Beyond so many epochs the points of a line are not marked one by one. */
const markedEpochs = 60;

/**
 * Draws loss and accuracy over the epochs, of a regression loss and mean absolute error, of training and of validation rows,
 * and marks the best epoch.
 *
 * A value that is NaN or infinite is a gap in its line, and the picture says how many there are.
 *
 * @returns an SVG document
 * @throws InvalidArgumentError if there are no epochs
 *
 * @example
 * await writeFile("history.svg", plotHistory(head.history));
 */
export function plotHistory(history: readonly EpochLog[], options: PlotOptions = {}): string {
  checkOptions("plotHistory", options, { title: true });
  checkList("history", history, "the figures of epochs, such as head.history");
  const { title = "Loss and accuracy" } = options;
  if (history.length === 0) {
    throw new InvalidArgumentError("Cannot draw the history: it has no epochs. Call `fit` first.");
  }
  const panels: readonly Panel[] = [
    {
      name: "Loss",
      series: seriesOf(history, "loss", "valLoss"),
      format: (value) => value.toPrecision(4),
      best: "lowest",
    },
    {
      name: "Accuracy",
      series: seriesOf(history, "accuracy", "valAccuracy"),
      format: (value) => percent(value),
      best: "highest",
    },
    {
      name: "Mean absolute error",
      series: seriesOf(history, "meanAbsoluteError", "valMeanAbsoluteError"),
      format: (value) => value.toPrecision(4),
      best: "lowest",
    },
  ];
  const drawn = panels.filter(({ series }) => series.length > 0);
  const top = headingHeight(title);
  const [width, height] = [16 + 432 * drawn.length, top + 328];
  const epochs = history.map(({ epoch }) => epoch);
  return svgDocument(
    { width, height },
    `${drawn.map(({ name }) => name).join(" and ")} over ${history.length} epochs`,
    heading(title),
    ...drawn.map((panel, i) =>
      drawPanel(panel, epochs, { left: 64 + i * 432, top: top + 34, width: 352, height: 230 }),
    ),
  );
}

/** What there is of a figure: of training, of validation, both or none. */
function seriesOf(history: readonly EpochLog[], trained: EpochFigure, validated: EpochFigure): readonly Series[] {
  const all: readonly Series[] = [
    { name: "training", color: palette[0], dash: undefined, values: history.map((log) => log[trained]) },
    { name: "validation", color: palette[1], dash: "7 4", values: history.map((log) => log[validated]) },
  ];
  return all.filter(({ values }) => values.some((value) => value !== undefined));
}

function drawPanel(panel: Panel, epochs: readonly number[], place: Place): string {
  const { left, top, width, height } = place;
  const finite = panel.series.flatMap(({ values }) => values.filter((value) => isDrawn(value))) as number[];
  const lowest = finite.reduce((low, value) => Math.min(low, value), Number.POSITIVE_INFINITY);
  const highest = finite.reduce((high, value) => Math.max(high, value), Number.NEGATIVE_INFINITY);
  const ticks = panelTicks(panel, lowest, highest);
  const [first = 1] = epochs;
  const last = epochs.at(-1) ?? first;
  const x = (at: number) =>
    left + (last === first ? width / 2 : (((epochs[at] as number) - first) / (last - first)) * width);
  const y = (value: number) => top + height - ((value - ticks.low) / (ticks.high - ticks.low)) * height;
  const missing = panel.series.reduce(
    (sum, { values }) => sum + values.filter((value) => value !== undefined && !isDrawn(value)).length,
    0,
  );
  return [
    textAt(left, top - 14, panel.name, { "font-weight": 600, "font-size": 13 }),
    legend(panel.series, left + width, top - 14),
    ...ticks.values.map((value) => horizontal(value, y(value), ticks, panel, place)),
    ...epochMarks(epochs).map((at) =>
      textAt(x(at), top + height + 18, String(epochs[at]), {
        class: "ct-soft",
        "text-anchor": "middle",
        "font-size": 11,
      }),
    ),
    textAt(
      left + width / 2,
      top + height + 38,
      missing === 0 ? "epoch" : `epoch (${missing === 1 ? "1 value is" : `${missing} values are`} not finite)`,
      {
        class: "ct-soft",
        "text-anchor": "middle",
        "font-size": 11,
      },
    ),
    ...panel.series.map((series) => drawSeries(series, epochs, panel, x, y)),
    markBest(panel, epochs, x, y, place),
  ].join("");
}

/** Accuracy goes up to 1; from 0 where values reach far down, so that a small difference does not look like a large one. */
function panelTicks({ best }: Panel, lowest: number, highest: number): Ticks {
  const high = best === "highest" ? Math.max(1, highest) : highest;
  if (!Number.isFinite(lowest)) return roundTicks(0, 1);
  return roundTicks(lowest > 0 && (lowest < 0.5 * high || lowest === highest) ? 0 : lowest, high);
}

function horizontal(value: number, y: number, ticks: Ticks, panel: Panel, { left, width }: Place): string {
  const label = panel.name === "Accuracy" ? percent(value, ticks.step < 0.01 ? 1 : 0) : tickText(value, ticks.step);
  return (
    element("line", { class: "ct-grid", x1: left, x2: left + width, y1: y, y2: y }) +
    textAt(left - 8, y + 4, label, { class: "ct-soft", "text-anchor": "end", "font-size": 11 })
  );
}

/** At most some ten epochs, evenly spaced, by their place in the history. */
function epochMarks(epochs: readonly number[]): readonly number[] {
  const step = roundTicks(0, Math.max(1, epochs.length - 1), 8).step;
  const every = Math.max(1, Math.round(step));
  return epochs.flatMap((epoch, at) => (every === 1 || epoch % every === 0 || at === 0 ? [at] : []));
}

function drawSeries(
  { name, color, dash, values }: Series,
  epochs: readonly number[],
  panel: Panel,
  x: (at: number) => number,
  y: (value: number) => number,
): string {
  let path = "";
  let isOpen = false;
  const points: string[] = [];
  for (const [at, value] of values.entries()) {
    if (!isDrawn(value)) {
      isOpen = false;
      continue;
    }
    path += `${isOpen ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    isOpen = true;
    const stands = !isDrawn(values[at - 1]) && !isDrawn(values[at + 1]);
    if (values.length > markedEpochs && !stands) continue;
    points.push(
      element(
        "circle",
        { cx: x(at), cy: y(value), r: 2.6, fill: color },
        tooltip(`${name}, epoch ${epochs[at]}: ${panel.format(value)}`),
      ),
    );
  }
  const line = element("path", {
    d: path === "" ? undefined : path,
    fill: "none",
    stroke: color,
    "stroke-width": 2,
    "stroke-linejoin": "round",
    "stroke-dasharray": dash,
  });
  return line + points.join("");
}

/** A ring around the best validation value, or without validation the best of training, and its figure below the curves. */
function markBest(
  { series, format, best }: Panel,
  epochs: readonly number[],
  x: (at: number) => number,
  y: (value: number) => number,
  { left, top, width, height }: Place,
): string {
  const { values = [], name } = series.at(-1) ?? {};
  let at = -1;
  for (const [index, value] of values.entries()) {
    if (!isDrawn(value)) continue;
    const before = values[at];
    if (before === undefined || (best === "lowest" ? value < before : value > before)) at = index;
  }
  const value = values[at];
  if (value === undefined) return "";
  const ring = { fill: "none", class: "ct-line", "stroke-width": 1.4 };
  const label = `best ${format(value)}, epoch ${epochs[at]} (${name})`;
  const [middle, baseline] = [left + width / 2, top + height + 56];
  return (
    element("circle", { cx: x(at), cy: y(value), r: 6, ...ring }) +
    element("circle", { cx: middle - textWidth(label, 11) / 2 - 10, cy: baseline - 4, r: 5, ...ring }) +
    textAt(middle, baseline, label, { "text-anchor": "middle", "font-size": 11 })
  );
}

/** Names of the series beside a piece of their line, set from the right. */
function legend(series: readonly Series[], right: number, baseline: number): string {
  let at = right;
  return [...series]
    .reverse()
    .map(({ name, color, dash }) => {
      at -= textWidth(name, 11) + 4;
      const label = textAt(at, baseline, name, { class: "ct-soft", "font-size": 11 });
      const line = { x1: at - 26, x2: at - 6, y1: baseline - 4, y2: baseline - 4 };
      at -= 40;
      return label + element("line", { ...line, stroke: color, "stroke-width": 2.4, "stroke-dasharray": dash });
    })
    .join("");
}

function isDrawn(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value);
}

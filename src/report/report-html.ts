import { calibration } from "../training/calibration.js";
import { type ConfidenceInterval, confidenceInterval } from "../training/confidence-interval.js";
import type { Predictions } from "../training/predictions.js";
import { type ProbabilityScores, probabilityScores } from "../training/probability-scores.js";
import { plotCalibration } from "./plot-calibration.js";
import { plotClassScores } from "./plot-class-scores.js";
import { plotConfusionMatrix } from "./plot-confusion-matrix.js";
import { plotFeatureMap } from "./plot-feature-map.js";
import { plotHistory } from "./plot-history.js";
import { classesMarkup, dataNotes } from "./report-classes.js";
import { confusionsMarkup, mistakesMarkup, named, type ReportMistakes, reportMistakes } from "./report-pictures.js";
import { reportStyle } from "./report-style.js";
import { checkReport, type RunReport, shownMistakes } from "./run-report.js";
import { escapeMarkup, percent } from "./svg.js";

interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: string;
}

/** Classes that are drawn as bars, at most; the table has all of them. */
const drawnClasses = 40;
/** Classes whose confusion matrix fits on a page; a larger one scrolls. */
const fittingClasses = 60;

/**
 * Writes a report about a run as one HTML page that needs nothing else: no scripts, no fonts and pictures from outside.
 * It has the figures and how sure they are, the curves of the training, classes, confusions, the surest mistakes,
 * calibration, a map of the features and the settings, as far as they are given.
 *
 * @returns an HTML document
 * @throws ShapeMismatchError if a row has no prediction
 * @throws InvalidArgumentError if there are no rows, a class or probability is none, names do not fit the predictions, or a
 * thumbnail is not a picture
 *
 * @example
 * const html = reportHTML({ evaluation: await head.evaluate(validation), history: head.history });
 */
export function reportHTML(report: RunReport): string {
  checkReport(report);
  const { title = "Training report", evaluation, date, remarks } = report;
  const { predictions, perClass } = evaluation;
  const scores = probabilityScores(predictions);
  const labels = perClass.map(({ label }) => label);
  const mistakes = reportMistakes(predictions, labels, report.fileNames);
  const sections = [
    ...historySection(report),
    classesSection(report, scores),
    confusionSection(report, mistakes),
    ...mistakesSection(report, mistakes),
    calibrationSection(predictions),
    ...mapSection(report),
    ...settingsSection(report),
  ];
  const links = sections.map(({ id, title: name }) => `<li><a href="#${id}">${name}</a></li>`);
  const when = date ? `<p class="soft">${escapeMarkup(dateText(date))}</p>` : "";
  const words = remarks === undefined ? "" : `<p class="lead">${escapeMarkup(remarks)}</p>`;
  const notes = dataNotes(report).map((note) => `<p class="note">${note}</p>`);
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    // Nothing from outside, and no scripts, whatever a name may hold.
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">",
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeMarkup(title)}</title><style>${reportStyle}</style></head><body>`,
    `<header><h1>${escapeMarkup(title)}</h1>${when}${lead(report)}${words}${tiles(report, scores)}${notes.join("")}</header>`,
    `<nav aria-label="Sections"><ul>${links.join("")}</ul></nav><main>`,
    ...sections.map(({ id, title: name, body }) => `<section id="${id}"><h2>${name}</h2>${body}</section>`),
    "</main><footer>Made by cnn-transfer. Figures have scikit-learn's meaning.</footer></body></html>\n",
  ].join("\n");
}

function lead({ evaluation, trainingLabels }: RunReport): string {
  const rows = evaluation.predictions.trueClasses.length;
  const trained = trainingLabels === undefined ? "" : ` after training on ${trainingLabels.length}`;
  return `<p class="soft">${evaluation.perClass.length} classes, measured on ${rows} rows${trained}</p>`;
}

function tiles({ evaluation }: RunReport, scores: ProbabilityScores): string {
  const { predictions, macro, perClass, loss } = evaluation;
  const interval = accuracyInterval(predictions);
  const { ece } = calibration(predictions);
  const tile = (value: string, name: string, more = "", first = "") =>
    `<div class="tile${first}"><b>${value}</b><span>${name}</span>${more && `<span>${more}</span>`}</div>`;
  const range = `95 %: ${percent(interval.low)} to ${percent(interval.high)}`;
  return `<div class="tiles">${[
    tile(percent(interval.value), "accuracy", range, " first"),
    ...(perClass.length > 5 ? [tile(percent(scores.rank5), "among the best five")] : []),
    tile(macro.f1.toFixed(3), "F1, mean of the classes"),
    tile(scores.rocAuc.macro?.toFixed(3) ?? "–", "ROC-AUC, mean of the classes"),
    tile(Number.isFinite(loss) ? loss.toPrecision(3) : "–", "loss"),
    tile(percent(ece), "calibration error (ECE)"),
  ].join("")}</div>`;
}

/** The bootstrap of the accuracy. It needs no probabilities, and would copy those of all classes at every drawing. */
function accuracyInterval({ trueClasses, predictedClasses }: Predictions): ConfidenceInterval {
  const rows = trueClasses.length;
  const hits: Predictions = {
    trueClasses: new Int32Array(rows),
    predictedClasses: trueClasses.map((label, row) => (label === predictedClasses[row] ? 0 : 1)),
    probabilities: { dtype: "float32", shape: [rows, 2], data: new Float32Array(2 * rows) },
    indices: undefined,
  };
  const accuracy = (drawn: Predictions) =>
    drawn.predictedClasses.reduce((sum, miss) => sum + 1 - miss, 0) / drawn.predictedClasses.length;
  return confidenceInterval(hits, accuracy);
}

function historySection({ history }: RunReport): readonly Section[] {
  if (history === undefined || history.length === 0) return [];
  return [{ id: "training", title: "Training", body: plot(plotHistory(history, { title: "" })) }];
}

function classesSection(report: RunReport, scores: ProbabilityScores): Section {
  const { perClass } = report.evaluation;
  const bars = perClass.length <= drawnClasses ? plot(plotClassScores(perClass, { title: "" })) : "";
  const text = escapeMarkup(String(report.evaluation)).replaceAll("\r", "");
  const details = `<details><summary>As text, as scikit-learn prints it</summary><pre>${text}</pre></details>`;
  return { id: "classes", title: "Classes", body: `${bars}${classesMarkup(report, scores)}${details}` };
}

function confusionSection(report: RunReport, mistakes: ReportMistakes): Section {
  const { evaluation } = report;
  const isWide = evaluation.perClass.length > fittingClasses;
  const matrix = plot(plotConfusionMatrix(evaluation, { title: "" }), isWide ? " wide" : "");
  const pairs =
    mistakes.mistakes.length === 0
      ? "<p>No row was given a wrong class.</p>"
      : `<h3>Most frequent confusions</h3>${confusionsMarkup(mistakes, report)}`;
  return { id: "confusions", title: "Confusions", body: matrix + pairs };
}

function mistakesSection(report: RunReport, found: ReportMistakes): readonly Section[] {
  const { mistakes } = found;
  if (mistakes.length === 0) return [];
  const count = Math.min(shownMistakes, mistakes.length);
  const words =
    count < mistakes.length ? `The surest ${count} of ${mistakes.length}` : `All ${count}, the surest first`;
  const body =
    `<p class="soft">${words}. Sure mistakes are often pictures in the wrong folder.</p>` +
    mistakesMarkup(found, report);
  return [{ id: "mistakes", title: "Surest mistakes", body }];
}

function calibrationSection(predictions: Predictions): Section {
  const measured = calibration(predictions);
  const body =
    '<p class="soft">Whether predictions that are said to be 90 % sure are right 9 times in 10. Bars below the dashed line: too sure.</p>' +
    plot(plotCalibration(measured, { title: "" }));
  return { id: "calibration", title: "Calibration", body };
}

function mapSection({ featureMap, fileNames }: RunReport): readonly Section[] {
  if (featureMap === undefined) return [];
  // A map of rows that do not come from a file has no names, and stands there without.
  const names = featureMap.indices && fileNames;
  const svg = plotFeatureMap(featureMap, { title: "", fileNames: names });
  return [{ id: "map", title: "Map of the features", body: plot(svg) }];
}

function settingsSection({ settings = {} }: RunReport): readonly Section[] {
  const entries = Object.entries(settings);
  if (entries.length === 0) return [];
  const list = entries.map(([name, value]) => `<dt>${named(name)}</dt><dd>${named(String(value))}</dd>`);
  return [{ id: "settings", title: "Settings", body: `<dl>${list.join("")}</dl>` }];
}

function plot(svg: string, more = ""): string {
  return `<figure class="plot${more}">${svg}</figure>`;
}

/** A date as everybody reads it, in universal time: "2026-11-24 17:30 UTC". */
function dateText(date: Date): string {
  return Number.isNaN(date.getTime()) ? "" : `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

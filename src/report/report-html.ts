import { calibration } from "../training/calibration.js";
import type { Predictions } from "../training/predictions.js";
import { type ProbabilityScores, probabilityScores } from "../training/probability-scores.js";
import { accuracyInterval, f1Interval } from "./label-intervals.js";
import { plotCalibration } from "./plot-calibration.js";
import { plotClassScores } from "./plot-class-scores.js";
import { plotConfusionMatrix } from "./plot-confusion-matrix.js";
import { plotFeatureMap } from "./plot-feature-map.js";
import { plotHistory } from "./plot-history.js";
import { classesMarkup, dataNotes } from "./report-classes.js";
import {
  confusionsMarkup,
  explanationsMarkup,
  mistakesMarkup,
  named,
  type ReportMistakes,
  reportMistakes,
} from "./report-pictures.js";
import { reportStyle } from "./report-style.js";
import { checkReport, type RunReport, shownMistakes } from "./run-report.js";
import { escapeMarkup, percent } from "./svg.js";

interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: string;
}

/** Up to so many classes all are drawn as bars and in the matrix; of more the worst, and the table has all of them. */
const drawnClasses = 40;
const worstClasses = 20;

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
    ...explanationsSection(report),
    calibrationSection(predictions),
    ...mapSection(report),
    ...factsSection("settings", "Settings", report.settings),
    ...factsSection("machine", "Machine and versions", report.machine),
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
  const { predictions, perClass, macro, loss } = evaluation;
  const accuracy = accuracyInterval(predictions);
  // With few rows of each of many classes, drawings with repetition have a lower F1 than the rows themselves.
  const f1 = perClass.length > drawnClasses ? undefined : f1Interval(predictions, perClass.length);
  const { ece } = calibration(predictions);
  const tile = (value: string, name: string, more = "", first = "") =>
    `<div class="tile${first}"><b>${value}</b><span>${name}</span>${more && `<span>${more}</span>`}</div>`;
  const range = (low: string, high: string) => `95\u00a0% interval: <span class="range">${low} to ${high}</span>`;
  return `<div class="tiles">${[
    tile(percent(accuracy.value), "accuracy", range(percent(accuracy.low), percent(accuracy.high)), " first"),
    ...(perClass.length > 5 ? [tile(percent(scores.rank5), "among the best five")] : []),
    tile(macro.f1.toFixed(3), "F1, mean of the classes", f1 && range(f1.low.toFixed(3), f1.high.toFixed(3))),
    tile(scores.rocAuc.macro?.toFixed(3) ?? "–", "ROC-AUC, mean of the classes"),
    tile(Number.isFinite(loss) ? loss.toPrecision(3) : "–", "loss"),
    tile(percent(ece), "calibration error (ECE)"),
  ].join("")}</div>`;
}

function historySection({ history }: RunReport): readonly Section[] {
  if (history === undefined || history.length === 0) return [];
  return [{ id: "training", title: "Training", body: plot(plotHistory(history, { title: "" })) }];
}

function classesSection(report: RunReport, scores: ProbabilityScores): Section {
  const { perClass } = report.evaluation;
  const classes = perClass.length > drawnClasses ? worstClasses : undefined;
  const bars = plot(plotClassScores(perClass, { title: "", classes }));
  const text = escapeMarkup(String(report.evaluation)).replaceAll("\r", "");
  const details = `<details><summary>As text, as scikit-learn prints it</summary><pre>${text}</pre></details>`;
  return { id: "classes", title: "Classes", body: `${bars}${classesMarkup(report, scores)}${details}` };
}

function confusionSection(report: RunReport, mistakes: ReportMistakes): Section {
  const { evaluation } = report;
  const classes = evaluation.perClass.length > drawnClasses ? worstClasses : undefined;
  const matrix = plot(plotConfusionMatrix(evaluation, { title: "", classes }));
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

function explanationsSection({ explanations = [] }: RunReport): readonly Section[] {
  if (explanations.length === 0) return [];
  const body =
    '<p class="soft">Grad-CAM: yellow places speak most for the class, dark blue ones do not. First the surest mistakes, then a picture of each class that was recognised.</p>' +
    explanationsMarkup(explanations);
  return [{ id: "explanations", title: "Where it looks", body }];
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

function factsSection(id: string, title: string, facts: RunReport["settings"] = {}): readonly Section[] {
  const entries = Object.entries(facts);
  if (entries.length === 0) return [];
  const list = entries.map(([name, value]) => `<dt>${named(name)}</dt><dd>${named(String(value))}</dd>`);
  return [{ id, title, body: `<dl>${list.join("")}</dl>` }];
}

function plot(svg: string): string {
  return `<figure class="plot">${svg}</figure>`;
}

/** A date as everybody reads it, in universal time: "2026-11-24 17:30 UTC". */
function dateText(date: Date): string {
  return Number.isNaN(date.getTime()) ? "" : `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

import { classificationReport } from "../training/classification-report.js";
import type { ProbabilityScores } from "../training/probability-scores.js";
import { named } from "./report-pictures.js";
import type { RunReport } from "./run-report.js";

/** More classes than this stand in a box of their own that scrolls. */
const openClasses = 40;
/** Figures of a class with fewer rows than this say little. */
const fewRows = 10;
/** The largest class has so many times the rows of the smallest before a report says so. */
const unevenRatio = 3;

/** Figures of every class as a table, with means below. */
export function classesMarkup(report: RunReport, scores: ProbabilityScores): string {
  const { evaluation, trainingLabels } = report;
  const { perClass, macro, weighted, confusionMatrix } = evaluation;
  const trained = trainingLabels && countLabels(trainingLabels, perClass.length);
  const titles = ["precision", "recall", "F1", "ROC-AUC", "average precision"];
  const head =
    `<tr><th scope="col">class</th>${trained ? '<th scope="col">trained on</th>' : ""}<th scope="col">rows here</th>` +
    `${titles.map((title) => `<th scope="col">${title}</th>`).join("")}<th scope="col" class="text">most often taken for</th></tr>`;
  const lines = perClass.map(({ label, precision, recall, f1, support }, index) => {
    const cells = [
      ...(trained ? [String(trained[index])] : []),
      String(support),
      figure(precision),
      figure(recall),
      `${figure(f1)}${meter(f1)}`,
      figure(scores.rocAuc.perClass[index]),
      figure(scores.averagePrecision.perClass[index]),
    ];
    const taken = takenFor(confusionMatrix[index] ?? [], index);
    const other = taken && `${named(perClass[taken.index]?.label ?? "")} (${taken.count})`;
    return (
      `<tr><th scope="row">${named(label)}</th>${cells.map((cell) => `<td>${cell}</td>`).join("")}` +
      `<td class="text">${other ?? '<span class="soft">–</span>'}</td></tr>`
    );
  });
  const mean = (name: string, means: typeof macro, auc: number | undefined, average: number | undefined) =>
    `<tr><th scope="row">${name}</th>${trained ? "<td></td>" : ""}` +
    [
      String(means.support),
      figure(means.precision),
      figure(means.recall),
      `${figure(means.f1)}${meter(means.f1)}`,
      figure(auc),
      figure(average),
    ]
      .map((cell) => `<td>${cell}</td>`)
      .join("") +
    "<td></td></tr>";
  const foot =
    mean("mean of the classes", macro, scores.rocAuc.macro, scores.averagePrecision.macro) +
    mean("weighted by rows", weighted, scores.rocAuc.weighted, scores.averagePrecision.weighted);
  const table = `<table><thead>${head}</thead><tbody>${lines.join("")}</tbody><tfoot>${foot}</tfoot></table>`;
  return `<div class="${perClass.length > openClasses ? "scroll" : "plot"}">${table}</div>`;
}

/** What makes figures less sure than they look, in sentences. */
export function dataNotes({ evaluation, trainingLabels }: RunReport): readonly string[] {
  const { perClass } = evaluation;
  const notes: string[] = [];
  const small = perClass.filter(({ support }) => support < fewRows);
  if (small.length > 0) {
    const names = small.slice(0, 5).map(({ label, support }) => `${named(label)} (${support})`);
    const more = small.length > 5 ? ` and ${small.length - 5} more` : "";
    notes.push(
      `${small.length === 1 ? "One class has" : `${small.length} classes have`} fewer than ${fewRows} rows here: ${names.join(", ")}${more}. Their figures may be far off.`,
    );
  }
  if (trainingLabels === undefined) return notes;
  const trained = countLabels(trainingLabels, perClass.length);
  const [least, most] = [Math.min(...trained), Math.max(...trained)];
  if (least === 0) {
    const names = perClass.filter((_, index) => trained[index] === 0).map(({ label }) => named(label));
    notes.push(`Nothing was trained on for ${names.slice(0, 5).join(", ")}${names.length > 5 ? " and others" : ""}.`);
  } else if (most > unevenRatio * least) {
    const label = (count: number) => named(perClass[trained.indexOf(count)]?.label ?? "");
    notes.push(
      `The classes are uneven: ${label(most)} was trained on ${most} rows, ${label(least)} on ${least}. Accuracy speaks mostly of the large ones; look at the mean of the classes.`,
    );
  }
  return notes;
}

/** Rows of each class. @throws InvalidArgumentError if a label is none of the classes */
function countLabels(labels: ArrayLike<number>, classes: number): readonly number[] {
  // The report of labels against themselves counts and checks them.
  const names = Array.from({ length: classes }, (_, index) => String(index));
  return classificationReport(labels, labels, names).perClass.map(({ support }) => support);
}

function takenFor(
  line: readonly number[],
  own: number,
): { readonly index: number; readonly count: number } | undefined {
  let best: { readonly index: number; readonly count: number } | undefined;
  for (const [index, count] of line.entries()) {
    if (index !== own && count > (best?.count ?? 0)) best = { index, count };
  }
  return best;
}

function figure(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? '<span class="soft">–</span>' : value.toFixed(3);
}

function meter(value: number): string {
  return `<span class="meter" aria-hidden="true"><i style="width:${(100 * value).toFixed(1)}%"></i></span>`;
}

import type { Predictions } from "../training/predictions.js";
import { type Confusion, topConfusions } from "../training/top-confusions.js";
import type { Explanation } from "./explanations.js";
import { type Mistake, surestMistakes } from "./mistakes.js";
import { type RunReport, shownConfusions, shownMistakes, shownPerConfusion } from "./run-report.js";
import { element, escapeMarkup, percent } from "./svg.js";
import { checkDataURI, type Thumbnail } from "./thumbnail.js";

/** What a report says of the rows that were given a wrong class. */
export interface ReportMistakes {
  /** All of them, the surest first. */
  readonly mistakes: readonly Mistake[];
  /** Pairs of classes, the most frequent first. */
  readonly confusions: readonly Confusion[];
}

/** @throws as `topConfusions` does */
export function reportMistakes(
  predictions: Predictions,
  classLabels: readonly string[],
  fileNames: readonly string[] | undefined,
): ReportMistakes {
  return {
    mistakes: surestMistakes(predictions, classLabels, fileNames),
    confusions: topConfusions(predictions, classLabels, { top: shownConfusions, fileNames }),
  };
}

/** Names of the pictures that a report shows. */
export function shownNames({ mistakes, confusions }: ReportMistakes): ReadonlySet<string> {
  const rows = [
    ...mistakes.slice(0, shownMistakes),
    ...confusions.flatMap(({ rows: own }) => own.slice(0, shownPerConfusion)),
  ];
  return new Set(rows.flatMap(({ name }) => name ?? []));
}

/** Pairs of classes, each with the surest of its mistakes. */
export function confusionsMarkup({ confusions }: ReportMistakes, { thumbnails }: RunReport): string {
  return confusions
    .map(({ trueLabel, predictedLabel, count, rows }) => {
      const shown = rows.slice(0, shownPerConfusion);
      const words =
        `<div><strong>${named(trueLabel)}</strong> taken for <strong class="wrong">${named(predictedLabel)}</strong>` +
        `<br><span class="soft">${count === 1 ? "once" : `${count} times`}</span></div>`;
      const pictures = shown.map(({ name, row, probability }) => {
        const said = `${name ?? `row ${row}`}, ${percent(probability)}`;
        return `<figure>${picture(name, thumbnails)}<figcaption>${named(said)}</figcaption></figure>`;
      });
      return `<div class="pair">${words}<div class="strip">${pictures.join("")}</div></div>`;
    })
    .join("");
}

/** The surest mistakes as a grid of pictures. */
export function mistakesMarkup({ mistakes }: ReportMistakes, { thumbnails }: RunReport): string {
  const figures = mistakes
    .slice(0, shownMistakes)
    .map(
      ({ name, row, trueLabel, predictedLabel, probability }) =>
        `<figure>${picture(name, thumbnails)}<figcaption>${named(name ?? `row ${row}`)}<br>` +
        `<span class="soft">is ${named(trueLabel)}</span><br>` +
        `<span class="wrong">said ${named(predictedLabel)}, ${percent(probability)}</span></figcaption></figure>`,
    );
  return `<div class="pictures">${figures.join("")}</div>`;
}

/** Pictures, each with what speaks for the class that was said, and for the true one. */
export function explanationsMarkup(explanations: readonly Explanation[]): string {
  return explanations
    .map(({ name, trueLabel, predictedLabel, probability, dataURI, heatmaps }) => {
      const isRight = trueLabel === predictedLabel;
      const said = `<span class="${isRight ? "right" : "wrong"}">said ${named(predictedLabel)}, ${percent(probability)}</span>`;
      const words = `<div>${named(name)}<br><span class="soft">is ${named(trueLabel)}</span><br>${said}</div>`;
      const image = (source: string, caption: string, alt: string) =>
        `<figure>${element("img", { src: checkDataURI(source), alt, loading: "lazy" })}<figcaption>${caption}</figcaption></figure>`;
      const maps = heatmaps.map((map) =>
        image(map.dataURI, `for ${named(map.label)}`, `${name}: what speaks for ${map.label}`),
      );
      return `<div class="pair">${words}<div class="strip large">${image(dataURI, "as the network sees it", name)}${maps.join("")}</div></div>`;
    })
    .join("");
}

function picture(name: string | undefined, thumbnails: ReadonlyMap<string, Thumbnail> | undefined): string {
  if (thumbnails === undefined || name === undefined) return "";
  const found = thumbnails.get(name) ?? { missing: "not among the pictures that were given" };
  return "dataURI" in found
    ? element("img", { src: checkDataURI(found.dataURI), alt: name, loading: "lazy" })
    : `<div class="missing">${escapeMarkup(found.missing)}</div>`;
}

/** A name from outside, apart from the direction of the text around it. */
export function named(text: string): string {
  return `<bdi>${escapeMarkup(text)}</bdi>`;
}

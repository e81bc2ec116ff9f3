/** A line of a report: its name and its figures, the last a number of rows. */
export interface ReportLine {
  readonly name: string;
  readonly figures: readonly (number | string)[];
}

/**
 * The text of scikit-learn's `classification_report(digits=2)`: groups of lines, each behind an empty one.
 *
 * @param groups the first is that of the classes, which decide the width with `width`
 */
export function formatReport(groups: readonly (readonly ReportLine[])[], width: number): string {
  const start = (text: string) => `${" ".repeat(Math.max(0, width - [...text].length))}${text} `;
  const cells = (values: readonly (number | string)[]) =>
    values.map((value) => ` ${(typeof value === "number" ? roundHalfEven(value) : value).padStart(9)}`).join("");
  const line = ({ name, figures }: ReportLine) => `${start(name)}${cells(figures)}\n`;
  return [
    `${start("")}${cells(["precision", "recall", "f1-score", "support"])}\n`,
    ...groups.map((lines) => lines.map(line).join("")),
  ].join("\n");
}

/** Width of the first column: Python counts and pads code points, not UTF-16 units. */
export function reportWidth(labels: readonly string[]): number {
  return labels.reduce((width, label) => Math.max(width, [...label].length), "weighted avg".length);
}

const digits = 2;

/** `toFixed(2)`, but exact ties go to the even digit as in Python: 0.125 gives 0.12. */
function roundHalfEven(value: number): string {
  // A tie has the exact form odd / 2^(digits + 1); anything else is rounded alike by both languages.
  const isTie = Math.abs((value * 2 ** (digits + 1)) % 2) === 1;
  if (!isTie) return value.toFixed(digits);
  const scale = 10 ** digits;
  const below = Math.floor(value * scale);
  return ((below % 2 === 0 ? below : below + 1) / scale).toFixed(digits);
}

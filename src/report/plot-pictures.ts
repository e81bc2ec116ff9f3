import { InvalidArgumentError } from "../errors.js";
import { checkList, describeValue } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import type { PlotOptions } from "./plot-history.js";
import { element, heading, headingHeight, shorten, svgDocument, textAt, tooltip } from "./svg.js";
import { checkDataURI } from "./thumbnail.js";

/** A picture with a few words below it. */
export interface CaptionedPicture {
  /** As `thumbnail` gives it. */
  readonly dataURI: string;
  readonly name: string;
  /** Lines below the name, such as "cat taken for dog" and "97.1 %". */
  readonly lines?: readonly string[] | undefined;
}

/**
 * Draws pictures side by side, each with its name and a few words: mistakes, pictures like a picture, Grad-CAM overlays.
 *
 * @param options.columns pictures in a line @default 6
 * @param options.size pixels of each picture's longer side @default 140
 * @returns an SVG document
 * @throws InvalidArgumentError if there are no pictures, an option is out of range, or a picture is not a `data:` URI
 *
 * @example
 * const dataURI = await thumbnail("cats/7.jpg");
 * await writeFile("mistakes.svg", plotPictures([{ dataURI, name: "cats/7.jpg", lines: ["taken for dog", "97.1 %"] }]));
 */
export function plotPictures(
  pictures: readonly CaptionedPicture[],
  options: PlotOptions & { readonly columns?: number | undefined; readonly size?: number | undefined } = {},
): string {
  checkOptions("plotPictures", options, { title: true, columns: true, size: true });
  checkList("pictures", pictures, "a list of pictures with captions");
  const { title = "Pictures", columns = 6, size = 140 } = options;
  if (pictures.length === 0) throw new InvalidArgumentError("Cannot draw pictures: there are none.");
  for (const [name, value, least] of [
    ["columns", columns, 1],
    ["size", size, 16],
  ] as const) {
    if (Number.isInteger(value) && value >= least && value <= 2048) continue;
    throw new InvalidArgumentError(
      `\`${name}\` is ${describeValue(value)}: expected an integer from ${least} to 2048.`,
    );
  }
  const most = pictures.reduce((high, { lines = [] }) => Math.max(high, lines.length), 0);
  const [stepX, stepY] = [size + 16, size + 26 + 15 * (most + 1)];
  const across = Math.min(columns, pictures.length);
  const top = headingHeight(title);
  const drawn = pictures.map(({ dataURI, name, lines = [] }, index) => {
    const left = 20 + (index % columns) * stepX;
    const y = top + Math.floor(index / columns) * stepY;
    return element(
      "g",
      {},
      tooltip(name),
      element("rect", { class: "ct-band", x: left, y, width: size, height: size, rx: 4 }),
      element("image", { href: checkDataURI(dataURI), x: left, y, width: size, height: size }),
      textAt(left, y + size + 16, shorten(name, size, 11), { "font-size": 11 }),
      ...lines.map((line, i) =>
        textAt(left, y + size + 31 + 15 * i, shorten(line, size, 11), { class: "ct-soft", "font-size": 11 }),
      ),
    );
  });
  const height = top + Math.ceil(pictures.length / columns) * stepY + 4;
  return svgDocument(
    { width: Math.max(20 + across * stepX + 4, 240), height },
    `${title || "Pictures"}: ${pictures.length}`,
    heading(title),
    ...drawn,
  );
}

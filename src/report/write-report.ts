import type { AbortOptions } from "../backends/backend.js";
import { InvalidArgumentError } from "../errors.js";
import { writeFileAtomically } from "../files/atomic-file.node.js";
import type { ImageInput, ImageSource } from "../images/image-source.js";
import { checkText } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import { type ExplainPictures, explain, explainedRows } from "./explanations.js";
import { reportHTML } from "./report-html.js";
import { reportMistakes, shownNames } from "./report-pictures.js";
import type { RunReport } from "./run-report.js";
import { checkReport } from "./run-report.js";
import { type Thumbnail, thumbnailOrReason } from "./thumbnail.js";

/** How {@link writeReport} gets its pictures, and treats a file that is there. */
export interface WriteReportOptions extends AbortOptions {
  /** Where the pictures are found by the names of `fileNames`: the source that the features were extracted from. */
  readonly images?: ImageSource | undefined;
  /**
   * Asked where the classifier looks, for the surest mistakes and for one picture of each class:
   * `(pictures, classIndex) => model.gradCam(pictures, { classIndex })`. It needs `images`.
   */
  readonly gradCam?: ExplainPictures | undefined;
  /** Pixels of a thumbnail's longer side, at most. @default 160 */
  readonly thumbnailSize?: number | undefined;
  /** Whether a file at the path is replaced. @default true */
  readonly overwrite?: boolean | undefined;
}

/**
 * Writes a report about a run to a file: {@link reportHTML}, with the pictures that were given a wrong class inside it.
 * A picture that is not in `images`, or cannot be decoded, is replaced by words that say so, and is not explained.
 *
 * The file is replaced in one step: after a crash or on a full disk the old one is still there.
 *
 * @throws FileAccessError if the file cannot be written, or exists and `overwrite` is false
 * @throws InvalidArgumentError as `reportHTML` does, if there are `images` and no `fileNames`, or `gradCam` and no `images`
 * @throws UnsupportedError if there are `images` and sharp is not installed
 *
 * @example
 * const evaluation = await head.evaluate(validation);
 * const fileNames = await data.fileNames();
 * await writeReport("report.html", { evaluation, fileNames, history: head.history }, { images });
 */
export async function writeReport(path: string, report: RunReport, options: WriteReportOptions = {}): Promise<void> {
  checkOptions("writeReport", options, {
    images: true,
    gradCam: true,
    thumbnailSize: true,
    overwrite: true,
    signal: true,
  });
  checkText("path", path, 'the path of a file, such as "report.html"');
  checkReport(report);
  const { images, gradCam, overwrite = true, signal } = options;
  signal?.throwIfAborted();
  if (gradCam !== undefined && images === undefined) {
    throw new InvalidArgumentError(
      "Cannot explain pictures in the report: `gradCam` was passed, but no `images`, in which they are found. Pass the source that was evaluated.",
    );
  }
  const added = images && (await readPictures(report, images, options));
  const html = reportHTML({ ...report, ...added });
  await writeFileAtomically(path, new TextEncoder().encode(html), { overwrite });
}

/** Thumbnails of the pictures that a report shows, and where the classifier looked at some of them. */
async function readPictures(
  report: RunReport,
  images: ImageSource,
  { gradCam, thumbnailSize: size, signal }: WriteReportOptions,
): Promise<Pick<RunReport, "thumbnails" | "explanations">> {
  const { evaluation, fileNames } = report;
  if (fileNames === undefined) {
    throw new InvalidArgumentError(
      "Cannot show pictures in the report: `images` was passed, but no `fileNames`, by which they are found. Pass `fileNames: await data.fileNames()`.",
    );
  }
  const { indices } = evaluation.predictions;
  const labels = evaluation.perClass.map(({ label }) => label);
  const shown = shownNames(reportMistakes(evaluation.predictions, labels, fileNames));
  const explained = gradCam ? explainedRows(evaluation, (row) => indices && fileNames[indices[row] as number]) : [];
  const wanted = new Set([...shown, ...explained.map(({ name }) => name)]);
  const thumbnails = new Map<string, Thumbnail>();
  const found = new Map<string, ImageInput>();
  for await (const { name, image } of images) {
    signal?.throwIfAborted();
    if (wanted.has(name) && !thumbnails.has(name)) {
      thumbnails.set(name, await thumbnailOrReason(image, size));
      found.set(name, image);
    }
    if (thumbnails.size === wanted.size) break;
  }
  if (gradCam === undefined) return { thumbnails };
  const rows = explained.flatMap((row) => {
    const image = found.get(row.name);
    const isReadable = "dataURI" in (thumbnails.get(row.name) ?? {});
    return image !== undefined && isReadable ? [{ ...row, image }] : [];
  });
  return { thumbnails, explanations: await explain(evaluation, rows, gradCam, size) };
}

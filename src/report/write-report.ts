import type { AbortOptions } from "../backends/backend.js";
import { InvalidArgumentError } from "../errors.js";
import { writeFileAtomically } from "../files/atomic-file.node.js";
import type { ImageSource } from "../images/image-source.js";
import { checkText } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import { reportHTML } from "./report-html.js";
import { reportMistakes, shownNames } from "./report-pictures.js";
import type { RunReport } from "./run-report.js";
import { checkReport } from "./run-report.js";
import { type Thumbnail, thumbnailOrReason } from "./thumbnail.js";

/** How {@link writeReport} gets its pictures, and treats a file that is there. */
export interface WriteReportOptions extends AbortOptions {
  /** Where the pictures are found by the names of `fileNames`: the source that the features were extracted from. */
  readonly images?: ImageSource | undefined;
  /** Pixels of a thumbnail's longer side, at most. @default 160 */
  readonly thumbnailSize?: number | undefined;
  /** Whether a file at the path is replaced. @default true */
  readonly overwrite?: boolean | undefined;
}

/**
 * Writes a report about a run to a file: {@link reportHTML}, with the pictures that were given a wrong class inside it.
 * A picture that is not in `images`, or cannot be decoded, is replaced by words that say so.
 *
 * The file is replaced in one step: after a crash or on a full disk the old one is still there.
 *
 * @throws FileAccessError if the file cannot be written, or exists and `overwrite` is false
 * @throws InvalidArgumentError as `reportHTML` does, or if there are `images` and no `fileNames`
 * @throws UnsupportedError if there are `images` and sharp is not installed
 *
 * @example
 * const evaluation = await head.evaluate(validation);
 * const fileNames = await data.fileNames();
 * await writeReport("report.html", { evaluation, fileNames, history: head.history }, { images });
 */
export async function writeReport(path: string, report: RunReport, options: WriteReportOptions = {}): Promise<void> {
  checkOptions("writeReport", options, { images: true, thumbnailSize: true, overwrite: true, signal: true });
  checkText("path", path, 'the path of a file, such as "report.html"');
  checkReport(report);
  const { images, thumbnailSize, overwrite = true, signal } = options;
  signal?.throwIfAborted();
  const thumbnails = images ? await makeThumbnails(report, images, thumbnailSize, signal) : report.thumbnails;
  const html = reportHTML({ ...report, thumbnails });
  await writeFileAtomically(path, new TextEncoder().encode(html), { overwrite });
}

async function makeThumbnails(
  report: RunReport,
  images: ImageSource,
  size: number | undefined,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, Thumbnail>> {
  const { evaluation, fileNames } = report;
  if (fileNames === undefined) {
    throw new InvalidArgumentError(
      "Cannot show pictures in the report: `images` was passed, but no `fileNames`, by which they are found. Pass `fileNames: await data.fileNames()`.",
    );
  }
  const labels = evaluation.perClass.map(({ label }) => label);
  const wanted = shownNames(reportMistakes(evaluation.predictions, labels, fileNames));
  const thumbnails = new Map<string, Thumbnail>();
  for await (const { name, image } of images) {
    signal?.throwIfAborted();
    if (wanted.has(name) && !thumbnails.has(name)) thumbnails.set(name, await thumbnailOrReason(image, size));
    if (thumbnails.size === wanted.size) break;
  }
  return thumbnails;
}

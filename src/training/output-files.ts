import { checkWritable } from "../files/atomic-file.node.js";
import type { FitOptions } from "./fit-options.js";

/**
 * Checks that the files that a training is to write can be written, before its first epoch has been trained in vain.
 *
 * @throws FileAccessError if a folder is missing, or the operating system refuses
 */
export async function checkOutputFiles({
  checkpoint,
  saveBest,
  history,
}: Pick<FitOptions, "checkpoint" | "saveBest" | "history">): Promise<void> {
  for (const file of [checkpoint, saveBest, history]) if (file?.path) await checkWritable(file.path);
}

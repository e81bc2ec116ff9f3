import { homedir } from "node:os";
import { join } from "node:path";

/** Folder of Keras's own cache of weights. */
export function kerasModelsFolder(): string {
  const home = process.env.KERAS_HOME;
  return join(home === undefined || home === "" ? join(homedir(), ".keras") : home, "models");
}

import { checkRunningBackend, type RunningBackend } from "../backends/running-backend.js";
import { version } from "../version.js";

/**
 * The machine that this runs on, and versions, to stand in a report: library and browser.
 *
 * @param backend what computed, as `extractor.backend` or `model.backend` says it
 * @throws InvalidArgumentError if `backend` is no such description
 */
export function describeMachine(backend?: RunningBackend): Readonly<Record<string, string>> {
  if (backend !== undefined) checkRunningBackend(backend);
  return {
    "cnn-transfer": version,
    ...(backend === undefined ? {} : { backend: `${backend.name}: ${backend.description}` }),
    browser: navigator.userAgent,
  };
}

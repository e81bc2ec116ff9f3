import { arch, availableParallelism, cpus, platform, release, totalmem } from "node:os";
import { checkRunningBackend, type RunningBackend } from "../backends/running-backend.js";
import { version } from "../version.js";

/**
 * The machine that this runs on, and versions, to stand in a report: library, Node, system, processor, memory.
 *
 * @param backend what computed, as `extractor.backend` or `model.backend` says it
 * @throws InvalidArgumentError if `backend` is no such description
 *
 * @example
 * await writeReport("report.html", { evaluation, machine: describeMachine(model.backend) });
 */
export function describeMachine(backend?: RunningBackend): Readonly<Record<string, string>> {
  if (backend !== undefined) checkRunningBackend(backend);
  const model = cpus()[0]?.model.trim();
  const count = availableParallelism();
  return {
    "cnn-transfer": version,
    ...(backend === undefined ? {} : { backend: `${backend.name}: ${backend.description}` }),
    node: process.version,
    system: `${platform()} ${release()}, ${arch()}`,
    processor: `${model || "unknown"}, ${count === 1 ? "1 thread" : `${count} threads`}`,
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
  };
}

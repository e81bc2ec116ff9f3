import { readFileSync } from "node:fs";

/** Whether the processor has Intel's instructions for tiles of 8-bit matrices, as far as the system tells: on Linux. */
export function hasTiles(): boolean {
  try {
    return /^flags\s*:.*\bamx_int8\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));
  } catch {
    return false;
  }
}

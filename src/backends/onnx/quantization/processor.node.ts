import { readFileSync } from "node:fs";

/** What of a processor matters to 8-bit integers. */
export interface Processor {
  /** Whether it has instructions for tiles of matrices (Intel AMX). */
  readonly tiles: boolean;
  /**
   * Whether it adds two products of 8 bits in 16, where large ones do not fit: x86 without VNNI.
   */
  readonly overflows: boolean;
}

/** What the system tells of the processor. Only Linux does; elsewhere it is taken for one that has neither. */
export function processor(): Processor {
  try {
    return processorOf(readFileSync("/proc/cpuinfo", "utf8"));
  } catch {
    return { tiles: false, overflows: false };
  }
}

/** @param cpuinfo text of Linux's `/proc/cpuinfo` */
export function processorOf(cpuinfo: string): Processor {
  // Only x86 has a line of flags.
  const flags = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/);
  if (flags === undefined) return { tiles: false, overflows: false };
  return {
    tiles: flags.includes("amx_int8"),
    overflows: !flags.includes("avx512_vnni") && !flags.includes("avx_vnni"),
  };
}

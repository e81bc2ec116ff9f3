import { readdirSync, readFileSync } from "node:fs";

/** Processor time since the machine started, in seconds. */
interface ProcessorTimes {
  /** Of all programs, the time included that a host of this machine gave to others. */
  readonly all: number;
  /** Of a process and all that it has started. */
  readonly tree: number;
  /** Of the kernel's own threads, such as those that write to the disk for whoever asked for it. */
  readonly kernel: number;
}

/** Linux counts in hundredths of a second in /proc, whatever its clock is. */
const ticksPerSecond = 100;

/**
 * Watches what other programs take of the processors from now on.
 *
 * @returns gives seconds of processor time per second; `undefined` where the system does not tell
 */
export function watchOthers(root = process.pid): () => number | undefined {
  const before = processorTimes(root);
  const start = performance.now();
  return () => {
    const after = processorTimes(root);
    if (before === undefined || after === undefined) return undefined;
    const seconds = (performance.now() - start) / 1000;
    const others = after.all - before.all - (after.tree - before.tree) - (after.kernel - before.kernel);
    return Math.max(0, others / seconds);
  };
}

function processorTimes(root: number): ProcessorTimes | undefined {
  let processes: readonly ProcessTimes[];
  let first: string;
  try {
    first = readFileSync("/proc/stat", "utf8").split("\n", 1)[0] ?? "";
    processes = readdirSync("/proc")
      .filter((name) => /^\d+$/u.test(name))
      .flatMap((pid) => readProcess(Number(pid)));
  } catch {
    return undefined;
  }
  // cpu user nice system idle iowait irq softirq steal: interrupts are left out, which come from whoever's work.
  const [, user = 0, nice = 0, system = 0, , , , , steal = 0] = first.split(/\s+/u).map(Number);
  return {
    all: (user + nice + system + steal) / ticksPerSecond,
    tree: sumOf(treeOf(root, processes)),
    kernel: isKernel(processes) ? sumOf(treeOf(2, processes)) : 0,
  };
}

interface ProcessTimes {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  /** Its own, and that of its children which have ended. */
  readonly ticks: number;
}

function readProcess(pid: number): readonly ProcessTimes[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name stands in brackets and may hold anything. Behind it: state, parent, ..., from the twelfth on four times.
    const end = text.lastIndexOf(")");
    const fields = text.slice(end + 2).split(" ");
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return [{ pid, parent: Number(fields[1]), name: text.slice(text.indexOf("(") + 1, end), ticks }];
  } catch {
    // Ended meanwhile.
    return [];
  }
}

/** Whether process 2 is the parent of the kernel's threads: in a container it is any program. */
function isKernel(processes: readonly ProcessTimes[]): boolean {
  return processes.some(({ pid, name }) => pid === 2 && name === "kthreadd");
}

function treeOf(root: number, processes: readonly ProcessTimes[]): readonly ProcessTimes[] {
  const found = processes.filter(({ pid }) => pid === root);
  for (const { pid } of found) found.push(...processes.filter(({ parent }) => parent === pid));
  return found;
}

function sumOf(processes: readonly ProcessTimes[]): number {
  return processes.reduce((sum, { ticks }) => sum + ticks, 0) / ticksPerSecond;
}

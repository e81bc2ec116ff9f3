import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { SampleRun } from "./sample-run.js";

/** Where a process that writes a sample run has come to, by the lines that it has printed. */
export interface WatchedWriter {
  readonly process: ChildProcess;
  /** Places that were done when it opened the file. */
  startedAt: number | undefined;
  /** Places that it promised to keep. */
  flushed: number;
  flushes: number;
  closing: boolean;
  closed: boolean;
  errors: string;
  /** Resolves when all its lines are read and it has ended. */
  readonly ended: Promise<void>;
}

/** Starts a process that writes a sample run to `path`, and calls `onLine` after each line that it prints. */
export function startWriter(
  script: string,
  path: string,
  run: SampleRun,
  seed: number,
  onLine: (writer: WatchedWriter, line: string) => void = () => {},
): WatchedWriter {
  const child = spawn(process.execPath, [script, JSON.stringify({ path, run, seed })], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines = createInterface({ input: child.stdout });
  const ended = Promise.all([once(child, "close"), once(lines, "close")]).then(() => undefined);
  const writer: WatchedWriter = {
    process: child,
    startedAt: undefined,
    flushed: 0,
    flushes: 0,
    closing: false,
    closed: false,
    errors: "",
    ended,
  };
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    writer.errors += text;
  });
  lines.on("line", (line) => {
    const [word, number] = line.split(" ");
    if (word === "at") writer.startedAt = Number(number);
    if (word === "flushed") {
      writer.flushed = Number(number);
      writer.flushes++;
    }
    if (word === "closing") writer.closing = true;
    if (word === "closed") writer.closed = true;
    onLine(writer, line);
  });
  return writer;
}

/** A process id that no process has any more. */
export async function deadProcessId(): Promise<number> {
  const child = spawn(process.execPath, ["--eval", ""], { stdio: "ignore" });
  await once(child, "exit");
  return child.pid as number;
}

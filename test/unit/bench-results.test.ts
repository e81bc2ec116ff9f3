import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { judge } from "../../bench/noise.js";
import { watchOthers } from "../../bench/processor-use.js";
import { compare, type Lane } from "../../bench/report.js";
import { type BenchResult, pageOf, writeResult } from "../../bench/results.js";

const result = (what: string): BenchResult => ({
  date: "2026-11-24",
  machine: "a processor",
  cores: 2,
  memoryGiB: 24,
  peak: { gigaflops: 100, gigabytesPerSecond: 10 },
  versions: { node: "v20" },
  noise: judge(1.02, 0.01, 2),
  tables: [{ heading: what, rows: [{ what: "a | b", figure: "1.00 s", spread: "0.90 to 1.10", ratio: "fast" }] }],
});

describe("results of the bench", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "bench-results-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("of two runs of different benches stand side by side in the benches' order, and those of a bench that is no more go", async () => {
    const files = { results: path.join(folder, "results.json"), page: path.join(folder, "docs/figures.md") };
    await writeResult(files, ["gone"], "gone", result("old"));
    await writeResult(files, ["gone", "training"], "training", result("first"));
    await writeResult(files, ["hdf5", "training"], "hdf5", result("second"));
    const stored = JSON.parse(await readFile(files.results, "utf8"));
    expect(Object.keys(stored)).toEqual(["hdf5", "training"]);
    expect(stored.training).toEqual(result("first"));
    expect(await readFile(files.page, "utf8")).toBe(pageOf(stored));
    await writeResult(files, ["hdf5", "training"], "training", result("third"));
    expect(JSON.parse(await readFile(files.results, "utf8")).training.tables[0].heading).toBe("third");
  });

  test("are a page with a line for each figure, from least to most", () => {
    const page = pageOf({ hdf5: result("writing") });
    expect(page).toContain("## hdf5\n\na processor, 2 cores, 24 GiB; 2026-11-24. At most: 100 GFLOP/s");
    expect(page).toContain("### writing\n\n| | median | least to most | |\n");
    expect(page).toContain("| a \\| b | 1.00 s | 0.90 to 1.10 | fast |");
  });

  test("tell speeds beside the limit and the peer, as medians of the ratios of each round", () => {
    const lanes: readonly Lane[] = [
      { what: "limit", role: "limit", figures: [1, 2, 10] },
      { what: "ours", role: "ours", figures: [2, 4, 10] },
      { what: "theirs", role: "peer", figures: [4, 4, 5] },
      { what: "not there", role: "peer", figures: [] },
    ];
    expect(compare(lanes, { name: "ms", faster: "less" })).toEqual([
      { what: "limit", figure: "2.00 ms", spread: "1.00 to 10.0", ratio: "" },
      { what: "ours", figure: "4.00 ms", spread: "2.00 to 10.0", ratio: "0.50 of the limit; 1.00 x theirs" },
      { what: "theirs", figure: "4.00 ms", spread: "4.00 to 5.00", ratio: "0.50 of the limit" },
    ]);
    expect(compare(lanes, { name: "images/s", faster: "more" })[1]?.ratio).toBe("2.00 of the limit; 1.00 x theirs");
  });
});

describe("noise of a machine", () => {
  test.each<readonly [number, number | undefined, boolean]>([
    [1.02, 0, true],
    [1.02, 0.09, true],
    [1.02, 0.2, false],
    [1.3, 0, false],
    [1.02, undefined, true],
  ])(
    "arithmetic that takes up to %d times as long, with %s of 2 cores taken by others: calm is %s",
    (spread, others, calm) => {
      const noise = judge(spread, others, 2);
      expect(noise.calm).toBe(calm);
      expect(noise.others).toBe(others ?? "unknown");
      expect(noise.verdict).toContain(others === undefined ? "an unknown part" : others.toFixed(2));
    },
  );

  test.skipIf(process.platform !== "linux")(
    "counts what other programs take, and not what this one and its children do",
    async () => {
      const idle = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"]);
      // As if the child were all that is measured: what this process does is another program's then.
      const besideChild = watchOthers(idle.pid);
      const besideUs = watchOthers();
      const [start, used] = [performance.now(), process.cpuUsage()];
      while (process.cpuUsage(used).user < 400_000);
      const [withUs, withoutUs] = [besideChild() ?? 0, besideUs() ?? 0];
      const seconds = (performance.now() - start) / 1000;
      expect((withUs - withoutUs) * seconds).toBeGreaterThan(0.3);
      const ended = once(idle, "close");
      idle.kill();
      await ended;
    },
  );
});

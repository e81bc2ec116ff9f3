import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { keepCalibrationText } from "../../src/extraction/calibration-file.node.js";

const { system } = vi.hoisted(() => ({ system: { hasHardLinks: true } }));

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  const link: typeof real.link = async (...paths) => {
    // What FAT says.
    if (!system.hasHardLinks) throw Object.assign(new Error("EPERM: operation not permitted, link"), { code: "EPERM" });
    return real.link(...paths);
  };
  return { ...real, link };
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "calibration-file-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe.each([
  ["with hard links", true],
  ["without hard links", false],
])("calibrations kept on a file system %s", (_, hasHardLinks) => {
  beforeEach(() => {
    system.hasHardLinks = hasHardLinks;
  });

  test("at the same moment are one for all, and nothing is left beside it", async () => {
    const target = path.join(folder, "network.int8.json");
    const kept = await Promise.all(Array.from({ length: 12 }, (_, run) => keepCalibrationText(target, `run ${run}`)));
    expect(new Set(kept).size).toBe(1);
    expect(await readFile(target, "utf8")).toBe(kept[0]);
    expect(await keepCalibrationText(target, "later")).toBe(kept[0]);
    expect(await readdir(folder)).toEqual(["network.int8.json"]);
  });

  test("in a folder that is gone are an error that names the file", async () => {
    const target = path.join(folder, "gone", "network.int8.json");
    await expect(keepCalibrationText(target, "{}")).rejects.toMatchObject({ name: "FileAccessError", path: target });
  });
});

import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { preparePictures } from "../../src/images/picture-threads.node.js";

/** Runs test/support/run-pictures.ts in a process of its own. A process that does not end by itself is killed and fails. */
async function runProgram(ending: string): Promise<string> {
  const program = path.resolve(import.meta.dirname, "../support/run-pictures.ts");
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", program, ending], {
    timeout: 30_000,
  });
  return stdout.trim();
}

describe("a process that had pictures prepared in threads", () => {
  test.each([
    ["are closed", "close"],
    ["are forgotten", "forget"],
  ])("ends by itself when they %s", async (_, ending) => {
    expect(await runProgram(ending)).toBe("prepared");
  });

  test("keeps its exit code when it ends by process.exit in the middle of it", async () => {
    await expect(runProgram("exit")).rejects.toMatchObject({ code: 7, signal: null, stderr: "" });
  });

  test("shows an uncaught error that ends it in the middle of it", async () => {
    await expect(runProgram("throw")).rejects.toMatchObject({
      code: 1,
      signal: null,
      stderr: expect.stringContaining("RangeError: out of luck"),
    });
  });
});

describe("when a thread that prepares pictures", () => {
  const image = { dtype: "uint8", shape: [8, 8, 3], data: new Uint8Array(192) } as const;

  test.each([
    ["ends by itself", new URL("../support/failing-picture-worker.mjs", import.meta.url), /exited with code 4/],
    ["has no program", new URL("../support/no-such-worker.mjs", import.meta.url), /Cannot find module/],
    ["cannot be started", new URL("https://localhost/worker.mjs"), /ended/],
  ])("%s, every picture in hand says so, and how to do without", async (_, url, words) => {
    const preparation = preparePictures({ size: [4, 4] }, 1, url);
    const tasks = [1, 2, 3].map(() => preparation.prepare({ image, name: "black", target: preparation.allocate(48) }));
    for (const result of await Promise.allSettled(tasks)) {
      expect(result.status).toBe("rejected");
      const { reason } = result as PromiseRejectedResult;
      expect(reason.name).toBe("UnsupportedError");
      expect(reason.message).toMatch(words);
      expect(reason.message).toContain("Pass `workers: 0`");
    }
    await preparation.close();
  });
});

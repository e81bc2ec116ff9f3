import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { ExitGuard } from "../../src/backends/onnx/exit-guard.node.js";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { Session } from "../../src/backends/onnx/session.node.js";
import { isCnnTransferError } from "../../src/errors.js";
import { allBackends, whyUnavailable } from "../support/backends.js";

const support = path.resolve(import.meta.dirname, "../support");
const onnxBackend = allBackends.find(({ name }) => name === "onnx");
const missing = onnxBackend && (await whyUnavailable(onnxBackend));

/** Runs test/support/run-onnx.ts in a process of its own. A process that does not end by itself is killed and fails. */
async function runProgram(ending: string, options: { hidden?: boolean; broken?: boolean } = {}): Promise<string[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      ...["--import", "tsx"],
      ...(options.hidden || options.broken ? ["--import", path.join(support, "hide-onnxruntime.mjs")] : []),
      path.join(support, "run-onnx.ts"),
      ending,
    ],
    { timeout: 30_000, env: { ...process.env, ONNXRUNTIME_NODE: options.broken ? "broken" : "" } },
  );
  return stdout.trim().split("\n");
}

describe("without the library", () => {
  test("a missing package is named, with what to install and how to install it behind a firewall", async () => {
    const [line] = await runProgram("dispose", { hidden: true });
    const error = JSON.parse(line ?? "");
    expect(error.name).toBe("BackendUnavailableError");
    expect(error.message).toContain("npm install onnxruntime-node");
    expect(error.message).toContain("ONNXRUNTIME_NODE_INSTALL=skip");
    expect(error.message).toContain("onnxruntime-node-install=skip");
    expect(error.reasons).toEqual([{ backend: "onnx", reason: "the package onnxruntime-node is not installed" }]);
  });

  test("a native library that does not load is told apart from a missing package", async () => {
    const [line] = await runProgram("dispose", { broken: true });
    const error = JSON.parse(line ?? "");
    expect(error.name).toBe("BackendUnavailableError");
    expect(error.reasons[0].reason).toContain("libonnxruntime.so.1: cannot open shared object file");
  });
});

describe.skipIf(missing)(`the process${missing ? ` (skipped where something is missing: ${missing})` : ""}`, () => {
  test.each([
    ["is disposed of", "dispose", ["[6]"]],
    ["is forgotten", "forget", ["[6]"]],
    ["is forgotten without a run", "idle", ["loaded"]],
    ["is forgotten after an abort", "abort", ["[6]", "stopped"]],
  ])("ends by itself when the network %s", async (_, ending, lines) => {
    expect(await runProgram(ending)).toEqual(lines);
  });
});

test.skipIf(missing)("a program given on the command line runs it, too", async () => {
  const program = `process.argv[2] = "dispose"; await import(${JSON.stringify(path.join(support, "run-onnx.ts"))});`;
  for (const option of [["--input-type=module"], ["--input-type", "module"]]) {
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", ...option, "--eval", program], {
      timeout: 30_000,
    });
    expect(stdout.trim()).toBe("[6]");
  }
});

test
  .skipIf(missing)
  .each([
    ["--max-old-space-size=2048"],
    ["--expose-gc"],
    ["--stack-size=900"],
    ["--title=classifier"],
    ["--max-old-space-size=2048", "--input-type=module"],
  ])("a process started with %s runs it, too", async (...options) => {
  const program = `process.argv[2] = "dispose"; await import(${JSON.stringify(path.join(support, "run-onnx.ts"))});`;
  const args = options.includes("--input-type=module")
    ? ["--import", "tsx", ...options, "--eval", program]
    : ["--import", "tsx", ...options, path.join(support, "run-onnx.ts"), "dispose"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 });
  expect(stdout.trim()).toBe("[6]");
});

test("a thread that cannot be started is the backend's error", async () => {
  const model = { bytes: new Uint8Array(0), inputs: [], outputs: [] };
  const start = Session.start(model, { threads: 1, spinning: false }, new URL("https://localhost/worker.mjs"));
  await expect(start).rejects.toMatchObject({
    name: "BackendError",
    message: expect.stringContaining("did not start"),
  });
});

describe.skipIf(missing)(
  `a process that ends in the middle of a run${missing ? ` (skipped where something is missing: ${missing})` : ""}`,
  () => {
    test("by process.exit keeps its exit code", async () => {
      await expect(runProgram("exit")).rejects.toMatchObject({ code: 7, signal: null, stderr: "" });
    });

    test("by an uncaught error shows that error", async () => {
      await expect(runProgram("throw")).rejects.toMatchObject({
        code: 1,
        signal: null,
        stderr: expect.stringContaining("RangeError: out of luck"),
      });
    });
  },
);

test("a dozen threads at work make Node print no warning of a leak", async () => {
  const warnings: string[] = [];
  const listen = ({ name }: Error): number => warnings.push(name);
  process.on("warning", listen);
  const before = process.getMaxListeners();
  const guards = Array.from({ length: 12 }, () => new ExitGuard());
  for (const guard of guards) guard.watch(true);
  for (const guard of guards) guard.watch(false);
  await new Promise(setImmediate);
  process.off("warning", listen);
  expect(warnings).toEqual([]);
  expect(process.getMaxListeners()).toBe(before);
});

describe("when the thread breaks", () => {
  const workerUrl = new URL("../support/failing-session-worker.mjs", import.meta.url);
  const settings = { threads: 1, spinning: false };
  const start = (way: string) =>
    Session.start({ bytes: new Uint8Array(8), inputs: [], outputs: [way] }, settings, workerUrl);

  test.each([
    ["exits", "exit", "exited with code 4"],
    ["throws", "throw", "out of luck"],
  ])("because it %s, every run that waits ends with a BackendError, later ones too", async (_, way, words) => {
    const session = await start(way);
    const runs = [session.run([]), session.run([]), session.run([])];
    for (const result of await Promise.allSettled(runs)) {
      expect(result.status).toBe("rejected");
      const { reason } = result as PromiseRejectedResult;
      expect(isCnnTransferError(reason, "BackendError")).toBe(true);
      expect(reason.message).toContain(words);
    }
    await expect(session.run([])).rejects.toThrow(words);
    await session.dispose();
  });

  test("while it loads, the load ends with a BackendError", async () => {
    await expect(start("exit-while-loading")).rejects.toSatisfy(
      (error) => isCnnTransferError(error, "BackendError") && error.message.includes("code 3"),
    );
  });

  test.skipIf(missing)("a model that ONNX Runtime cannot read ends with a BackendError that says why", async () => {
    const model = { bytes: new Uint8Array([1, 2, 3]), inputs: [], outputs: [] };
    await expect(Session.start(model, settings)).rejects.toSatisfy(
      (error) => isCnnTransferError(error, "BackendError") && error.message.includes("protobuf"),
    );
  });
});

test.each([0, -1, 1.5, Number.NaN, "2" as unknown as number])("`threads` of %s is refused", (threads) => {
  expect(() => onnx({ threads })).toThrow(
    expect.toSatisfy(
      (error) => isCnnTransferError(error, "InvalidArgumentError") && error.message.includes("`threads`"),
    ),
  );
});

import * as tf from "@tensorflow/tfjs-core";
import { expect, test, vi } from "vitest";
import { onBackend, startBackend } from "../../src/backends/tfjs/shared-tfjs.js";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { isCnnTransferError } from "../../src/errors.js";

test("a backend that does not start says why, prints nothing, can be tried again, and harms no other", async () => {
  await tfjsCpu().init();
  await tf.setBackend("cpu");
  const printed = ["log", "warn", "error"].map((method) => vi.spyOn(console, method as "log"));
  let works = false;
  tf.registerBackend("late", async () => {
    if (!works) throw new Error("no such device");
    return tf.findBackend("cpu");
  });
  await expect(startBackend(tf, "late", async () => undefined)).rejects.toSatisfy(
    (error) =>
      isCnnTransferError(error, "BackendUnavailableError") &&
      error.message.includes("no such device") &&
      error.reasons[0]?.reason === "no such device",
  );
  expect(tf.getBackend()).toBe("cpu");
  expect(await onBackend({ tf, backend: "cpu" }, () => tf.scalar(2).dataSync()[0])).toBe(2);
  works = true;
  await startBackend(tf, "late", async () => undefined);
  expect(tf.getBackend()).toBe("cpu");
  for (const method of printed) expect(method).not.toHaveBeenCalled();
  for (const method of printed) method.mockRestore();
  expect(tf.env().getBool("PROD")).toBe(false);
});

test("work on a backend waits while another one starts", async () => {
  const cpu = tfjsCpu();
  await cpu.init();
  const starting = tfjsWasm().init();
  const seen = await onBackend({ tf, backend: "cpu" }, () => tf.getBackend());
  expect(seen).toBe("cpu");
  await starting;
  expect(await onBackend({ tf, backend: "wasm" }, () => tf.getBackend())).toBe("wasm");
});

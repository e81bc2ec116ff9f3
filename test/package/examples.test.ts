import { execFile, spawn } from "node:child_process";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { compile, strictest } from "./support/compile.js";

const run = promisify(execFile);
const { consumer } = inject("installed");
const root = resolve(import.meta.dirname, "../..");
const tsx = join(root, "node_modules/tsx/dist/cli.mjs");
const drawings = join(consumer, "output/drawn-animals");
// Nobody's cache, and no way out: the examples have to do without the Internet.
const offline = {
  ...process.env,
  KERAS_HOME: join(consumer, "keras"),
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent("globalThis.fetch = async () => { throw new TypeError('no network') }")}`,
};

/** Runs an example against the installed package, as a user does. */
async function runExample(
  name: string,
  args: readonly string[] = [],
): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const options = { cwd: consumer, env: offline, timeout: 110_000 };
    const { stdout, stderr } = await run(process.execPath, [tsx, `examples/${name}.ts`, ...args], options);
    return { code: 0, stdout, stderr };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

beforeAll(async () => {
  await cp(join(root, "examples"), join(consumer, "examples"), { recursive: true });
});

describe("the example", () => {
  test("goes from drawings to a model file that it loads again and asks about pictures it has not seen", async () => {
    await mkdir(join(consumer, "output/drawings"), { recursive: true });
    await writeFile(join(consumer, "output/drawings/mine.txt"), "not the example's");
    const { code, stdout, stderr } = await runExample("transfer");
    expect(stdout).toContain("vgg-mini up to block5_pool, weights: imagenet");
    expect(stderr).toMatch(/extracting 144\/144/);
    expect(stderr).toMatch(/training {3}30\/30/);
    expect(code).toBe(0);
    expect(stdout).toContain("156 pictures of 3 classes: cats, dogs, pandas");
    expect(stdout).toMatch(/precision +recall +f1-score +support/);
    const [, right] = /(\d+) of 12 right/.exec(stdout) ?? [];
    // Guessing would get 4.
    expect(Number(right)).toBeGreaterThanOrEqual(9);
    expect(await readdir(join(consumer, "output"))).toEqual([
      "drawings",
      "drawn-animals",
      "features.hdf5",
      "my_model.h5",
    ]);
    expect(await readdir(join(consumer, "output/drawings"))).toEqual(["mine.txt"]);
  });

  test("fine-tunes the last block of the network in the package, and classifies from the file", async () => {
    const { code, stdout, stderr } = await runExample("fine-tune");
    expect(stderr).toContain("computed once: 72/72");
    expect(code).toBe(0);
    const [, warm] = /head alone: +accuracy ([\d.]+)/.exec(stdout) ?? [];
    const [, tuned] = /last block: +accuracy ([\d.]+)/.exec(stdout) ?? [];
    expect(Number(tuned)).toBeGreaterThanOrEqual(Number(warm));
    expect(Number(tuned)).toBeGreaterThan(0.8);
    expect(stdout).toMatch(/from the file: (cats|dogs|pandas)\/.* is (cats|dogs|pandas), \d+ %/);
    expect(await readdir(join(consumer, "fine-tuned"))).toEqual(["drawings", "my_model.h5"]);
  });

  test("takes a folder, and leaves out what is no picture", async () => {
    const folder = join(consumer, "pictures");
    await cp(drawings, folder, { recursive: true });
    for (const name of await readdir(folder)) {
      // More than are kept for the end, so that some are in the way of the extraction.
      for (const n of [1, 2, 3, 4, 5]) await writeFile(join(folder, name, `broken ${n}.jpg`), "no picture");
    }
    const { code, stdout } = await runExample("transfer", [
      folder,
      ...["--backbone", "squeezenet", "--weights", "random", "--epochs", "1", "--output", "other"],
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain("171 pictures of 3 classes");
    expect(stdout).toMatch(/left out: (cats|dogs|pandas)\/broken \d\.jpg, it is not a JPEG/);
    expect(stdout).toMatch(/of (8|9|10|11|12) right/);
    expect(await readdir(join(consumer, "other"))).toEqual(["features.hdf5", "my_model.h5"]);
  });

  test("keeps what is done when it is stopped, and goes on behind it", async () => {
    const args = [drawings, "--backbone", "squeezenet", "--weights", "random", "--layer", "fire9/concat"];
    args.push("--batch-size", "1", "--epochs", "1", "--output", "stopped");
    const child = spawn(process.execPath, [tsx, "examples/transfer.ts", ...args], { cwd: consumer, env: offline });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (/extracting 1\/144.*\n$/.test(text)) child.kill("SIGINT");
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect({ code, said }).toEqual({ code: 130, said: expect.stringContaining("--resume") });
    const { stdout } = await runExample("transfer", [...args, "--resume"]);
    expect(stdout).toMatch(/going on behind the \d+ rows of an earlier run/);
    expect(stdout).toMatch(/of 12 right/);
    expect(await readdir(join(consumer, "stopped"))).toEqual(["features.hdf5", "my_model.h5"]);
  });

  test.each([
    ["one class", { cats: 9 }, '"cats", and there is nothing to tell apart'],
    ["a class with few pictures", { cats: 9, dogs: 4, empty: 0 }, '"dogs" has 4, "empty" has 0. Each class needs'],
  ])("says before it computes that %s is too little, and leaves older files alone", async (what, counts, sentence) => {
    const folder = join(consumer, what);
    for (const [name, count] of Object.entries(counts)) {
      await mkdir(join(folder, name), { recursive: true });
      for (let n = 0; n < count; n++) await writeFile(join(folder, name, `${n}.jpg`), "not looked at");
    }
    await writeFile(join(folder, "my_model.h5"), "of an earlier run");
    const { code, stdout, stderr } = await runExample("transfer", [folder, "--output", folder]);
    expect(code).toBe(1);
    expect(stderr).toContain(sentence);
    expect(stdout).not.toContain("Features");
    expect(await readFile(join(folder, "my_model.h5"), "utf8")).toBe("of an earlier run");
  });

  test("says without the Internet where the weights belong, and goes on with random ones", async () => {
    const start = performance.now();
    const { code, stdout } = await runExample("transfer", [drawings, "--backbone", "squeezenet", "--output", "third"]);
    expect(code).toBe(0);
    expect(stdout).toContain("no network");
    expect(stdout).toContain("https://github.com/rcmalli/");
    expect(stdout).toContain(join(consumer, "keras/models/squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"));
    expect(stdout).toContain("weights: random, seed 1");
    expect(performance.now() - start).toBeLessThan(60_000);
  });

  test("does not go on with others where weights were asked for", async () => {
    const { code, stderr } = await runExample("transfer", [drawings, "--backbone", "vgg16", "--weights", "imagenet"]);
    expect(code).toBe(1);
    expect(stderr).toContain("WeightsDownloadError");
  });

  test("lists its options", async () => {
    const { code, stdout } = await runExample("transfer", ["--help"]);
    expect(code).toBe(0);
    for (const option of [
      "backbone",
      "weights",
      "layer",
      "pooling",
      "backend",
      "batch-size",
      "output",
      "resume",
      "epochs",
      "seed",
    ]) {
      expect(stdout).toContain(`--${option}`);
    }
  });

  test.each([
    [["--colour", "red"], "--colour"],
    [["--backbone", "vgg17"], "vgg17"],
    [["--epochs", "many"], "many"],
    [["one", "two"], "one, two"],
  ])("says what is wrong with %s and ends with code 2", async (args, word) => {
    const { code, stdout, stderr } = await runExample("transfer", args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(word);
    expect(stderr).toContain("--help");
  });

  test("says in one line that a folder is missing, and ends with code 1", async () => {
    const { code, stderr } = await runExample("transfer", ["no/such/folder"]);
    expect(code).toBe(1);
    expect(stderr).toContain('no/such/folder"');
    expect(stderr.trim().split("\n").length).toBe(1);
  });
});

describe("the short examples run", () => {
  test("own-app", async () => {
    // VGG16 in full size is slow on a small machine, so on some of the drawings only.
    for (const name of await readdir(drawings)) {
      for (const file of (await readdir(join(drawings, name))).slice(0, 6)) {
        await cp(join(drawings, name, file), join(consumer, "some", name, file));
      }
    }
    const { code, stdout } = await runExample("own-app", ["some", "random"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/precision +recall/);
  });

  test("fit-dataset", async () => {
    const { code, stdout } = await runExample("fit-dataset");
    expect(code).toBe(0);
    expect(Number(/trained on: (0\.\d+|1)/.exec(stdout)?.[1])).toBeGreaterThan(0.9);
  });

  test("plug-in", async () => {
    const { code, stdout } = await runExample("plug-in");
    expect(code).toBe(0);
    expect(stdout.match(/8 pictures in \d+ ms/g)?.length).toBe(3);
  });

  test("report", async () => {
    const start = performance.now();
    const { code, stdout } = await runExample("report");
    expect(performance.now() - start).toBeLessThan(60_000);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining("wrote output/report.html") });
    const [, ...accuracies] = /head (\S+), neighbours (\S+), class means (\S+)/.exec(stdout) ?? [];
    for (const accuracy of accuracies) expect(Number(accuracy)).toBeGreaterThan(0.6);
    const html = await readFile(join(consumer, "output/report.html"), "utf8");
    const sections = [...html.matchAll(/<section id="(\w+)"/g)].map(([, id]) => id);
    expect(sections).toEqual(
      expect.arrayContaining([
        ...["training", "classes", "confusions", "explanations", "calibration", "map", "settings", "machine"],
      ]),
    );
    // As many pictures as mistakes are shown, each inside the page.
    const mistakes = html.match(/class="wrong">said/g)?.length ?? 0;
    expect(html.match(/<img src="data:image\/jpeg/g)?.length ?? 0).toBeGreaterThanOrEqual(mistakes);
    expect((await readFile(join(consumer, "output/confusions.png"))).subarray(1, 4).toString()).toBe("PNG");
  });

  test("logistic-regression", async () => {
    const { code, stdout, stderr } = await runExample("logistic-regression");
    expect(code).toBe(0);
    expect(stderr).toMatch(/fit 1\/13: C=0\.1, without fold 1/);
    expect(stderr).toMatch(/fit 13\/13: C=\d+(\.\d+)?, all rows/);
    expect(stdout).toMatch(/ best$/m);
    const [, accuracy, fromFile] = /accuracy (\S+), from the file (\S+)/.exec(stdout) ?? [];
    expect(Number(accuracy)).toBeGreaterThan(0.8);
    expect(fromFile).toBe(accuracy);
  });

  test("training, and once more from its checkpoint", async () => {
    const { code, stdout } = await runExample("training");
    expect(code).toBe(0);
    const epochs = [...stdout.matchAll(/^epoch \d+ /gm)].length;
    expect(epochs).toBeGreaterThan(5);
    expect(stdout).toContain(`${epochs} epochs\n`);
    const [, accuracy] = /accuracy of best\.h5: (\S+)/.exec(stdout) ?? [];
    expect(Number(accuracy)).toBeGreaterThan(0.85);
    expect(JSON.parse(await readFile(join(consumer, "history.json"), "utf8")).val_loss).toHaveLength(epochs);
    const again = await runExample("training");
    expect(again.stdout).not.toMatch(/^epoch/m);
    expect(again.stdout.slice(again.stdout.indexOf(" epochs\n"))).toBe(stdout.slice(stdout.indexOf(" epochs\n")));
  });

  test("shards", async () => {
    const { code, stdout } = await runExample("shards", [drawings, "sharded.hdf5"]);
    expect({ code, lines: stdout.trim().split("\n").sort() }).toEqual({
      code: 0,
      lines: [
        "shard 0 of 4: 39 rows, 0 pictures left out",
        "shard 1 of 4: 39 rows, 0 pictures left out",
        "shard 2 of 4: 39 rows, 0 pictures left out",
        "shard 3 of 4: 39 rows, 0 pictures left out",
        "sharded.hdf5: 156 rows of 4 shards, 0 pictures left out",
      ],
    });
  });

  test("classify, convert and tfjs-model, one after the other, on a file of Keras", async () => {
    await cp(join(root, "test/fixtures/keras-files/keras3-chain.keras"), join(consumer, "chain.keras"));
    const converted = await runExample("convert", ["chain.keras", "chain.h5", "chain.onnx"]);
    expect(converted).toMatchObject({ code: 0, stdout: expect.stringContaining("wrote chain.onnx") });
    const { code, stdout } = await runExample("tfjs-model", ["chain.h5", "trained.h5"]);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/loss: [\d., ]+\nwrote trained/) });
    const [first = ""] = await readdir(join(drawings, "cats"));
    await writeFile(join(consumer, "labels.txt"), "cat\ndog\npanda\n");
    const classified = await runExample("classify", ["trained.h5", join(drawings, "cats", first), "labels.txt"]);
    expect(classified.code).toBe(0);
    expect(classified.stdout.trim().split("\n")).toHaveLength(3);
    expect(classified.stdout).toMatch(/^0\.\d{4} (cat|dog|panda)$/m);
  });

  test("and are short, and compile", async () => {
    for (const name of [
      "own-app",
      "fit-dataset",
      "plug-in",
      "logistic-regression",
      "training",
      "shards",
      "classify",
      "convert",
      "tfjs-model",
    ]) {
      const text = await readFile(join(root, `examples/${name}.ts`), "utf8");
      expect(text.split("\n").length).toBeLessThan(75);
      // The declarations of tfjs, which one imports, compile only without their check.
      const options = { ...strictest, skipLibCheck: true, noPropertyAccessFromIndexSignature: false };
      expect(compile(consumer, { [`${name}.ts`]: text }, options)).toEqual([]);
    }
  });
});

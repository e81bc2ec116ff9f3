import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createEarlyStopping } from "../../src/training/early-stopping.js";
import type { EpochFigure, EpochLog } from "../../src/training/history.js";
import { createPlateau } from "../../src/training/reduce-on-plateau.js";
import {
  cosineDecay,
  exponentialDecay,
  type LearningRateSchedule,
  oneCycle,
  stepDecay,
} from "../../src/training/schedules.js";

interface Watched {
  readonly figures: readonly number[];
  readonly settings: Readonly<Record<string, number | string | boolean>>;
}

interface KerasGolden extends Readonly<Record<string, unknown>> {
  readonly steps: readonly number[];
  readonly earlyStopping: readonly (Watched & { readonly epochs: number; readonly restored: number | null })[];
  readonly plateau: readonly (Watched & { readonly rates: readonly number[] })[];
}

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/schedules/${name}.json`, import.meta.url), "utf8"));
const keras = read("keras") as KerasGolden;
const torch = read("torch") as Readonly<Record<string, readonly number[]>>;

/** Keras computes in float32. */
function expectRates(rates: readonly number[], golden: readonly number[], tolerance: number): void {
  expect(rates).toHaveLength(golden.length);
  const scale = Math.max(...golden);
  for (const [at, rate] of rates.entries()) {
    expect(Math.abs(rate - (golden[at] as number)) / scale, `rate ${at}`).toBeLessThan(tolerance);
  }
}

describe("schedules", () => {
  const cosine = { initialLearningRate: 0.1, decaySteps: 100 };
  test.each<readonly [string, LearningRateSchedule]>([
    ["exponential", exponentialDecay({ initialLearningRate: 0.1, decaySteps: 10, decayRate: 0.7 })],
    ["staircase", exponentialDecay({ initialLearningRate: 0.1, decaySteps: 10, decayRate: 0.7, staircase: true })],
    ["cosine", cosineDecay(cosine)],
    ["cosineAlpha", cosineDecay({ ...cosine, alpha: 0.05 })],
    [
      "cosineWarmup",
      cosineDecay({ ...cosine, initialLearningRate: 0, alpha: 0.01, warmupTarget: 0.2, warmupSteps: 30 }),
    ],
    [
      "cosineWarmupFrom",
      cosineDecay({ initialLearningRate: 0.05, decaySteps: 70, warmupTarget: 0.2, warmupSteps: 10 }),
    ],
  ])("%s gives Keras's rates", (name, schedule) => {
    const rates = keras.steps.map((step) => schedule({ step, epoch: 0 }));
    expectRates(rates, keras[name] as readonly number[], 1e-6);
  });

  test.each<readonly [string, number, LearningRateSchedule]>([
    ["oneCycle", 50, oneCycle({ maxLearningRate: 0.3, totalSteps: 50 })],
    [
      "oneCycleLinear",
      37,
      oneCycle({
        maxLearningRate: 0.3,
        totalSteps: 37,
        riseFraction: 0.4,
        divFactor: 10,
        finalDivFactor: 100,
        anneal: "linear",
      }),
    ],
  ])("%s gives PyTorch's rates", (name, count, schedule) => {
    const rates = Array.from({ length: count }, (_, step) => schedule({ step, epoch: 0 }));
    expectRates(rates, torch[name] ?? [], 1e-12);
    expect(() => schedule({ step: count, epoch: 0 })).toThrow(/made for \d+ steps, but training takes a step number/);
  });

  test("stepDecay gives PyTorch's rates", () => {
    const schedule = stepDecay({ initialLearningRate: 0.05, epochs: 7, factor: 0.3 });
    const rates = Array.from({ length: 24 }, (_, epoch) => schedule({ step: 3 * epoch + 1, epoch }));
    expectRates(rates, torch.stepDecay ?? [], 1e-12);
  });

  test.each([
    () => stepDecay({ initialLearningRate: 0, epochs: 2 }),
    () => stepDecay({ initialLearningRate: 1, epochs: 2, factor: 1 }),
    () => exponentialDecay({ initialLearningRate: 1, decaySteps: 0, decayRate: 0.5 }),
    () => exponentialDecay({ initialLearningRate: 1, decaySteps: 1, decayRate: Number.NaN }),
    () => cosineDecay({ ...cosine, alpha: 2 }),
    () => cosineDecay({ ...cosine, warmupSteps: 5 }),
    () => cosineDecay({ ...cosine, warmupTarget: 1 }),
    () => oneCycle({ maxLearningRate: 1, totalSteps: 50, riseFraction: 0.02 }),
    () => oneCycle({ maxLearningRate: 1, totalSteps: 1.5 }),
  ])("refuse settings out of range: %s", (make) => {
    expect(make).toThrow(expect.objectContaining({ name: "InvalidArgumentError" }));
  });
});

const figures: readonly EpochFigure[] = ["loss", "accuracy", "valLoss", "valAccuracy"];
const names: Readonly<Record<string, EpochFigure>> = { loss: "loss", val_loss: "valLoss", val_accuracy: "valAccuracy" };

/** Keras's settings by our names. */
function settingsOf({ settings }: Watched): Record<string, unknown> {
  const renamed: Readonly<Record<string, string>> = { restore_best_weights: "restoreBest", min_lr: "minLearningRate" };
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [
      renamed[key] ?? key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
      key === "monitor" ? names[String(value)] : value,
    ]),
  );
}

function logOf({ settings }: Watched, value: number, epoch: number): EpochLog {
  return { epoch, loss: 9, learningRate: 1, [names[String(settings.monitor)] ?? ""]: value };
}

describe("watching figures", () => {
  test.each(keras.earlyStopping.map((golden) => [JSON.stringify(golden.settings), golden] as const))(
    "early stopping ends and restores in Keras's epochs: %s",
    (_, golden) => {
      const stopping = createEarlyStopping(settingsOf(golden), figures);
      let { start: state } = stopping;
      let restored: number | null = null;
      let epochs = 0;
      for (const [index, value] of golden.figures.entries()) {
        const judged = stopping.judge(state, logOf(golden, value, index + 1), index);
        state = judged.state;
        epochs = index + 1;
        if (judged.isBest && stopping.restoreBest) restored = epochs;
        if (judged.stop) break;
      }
      expect({ epochs, restored }).toEqual({ epochs: golden.epochs, restored: golden.restored });
    },
  );

  test.each(keras.plateau.map((golden) => [JSON.stringify(golden.settings), golden] as const))(
    "the rate falls on plateaus as Keras's: %s",
    (_, golden) => {
      const plateau = createPlateau(settingsOf(golden), figures);
      let state = plateau.start(0.1);
      const rates = golden.figures.map((value, index) => {
        const { learningRate } = state;
        state = plateau.judge(state, logOf(golden, value, index + 1));
        return learningRate;
      });
      expectRates(rates, golden.rates, 1e-6);
      expect(new Set(rates).size).toBeGreaterThan(1);
    },
  );
});

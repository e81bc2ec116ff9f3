import { crc32 } from "../checksum/crc32.node.js";
import { checkedRows } from "./checked-batches.js";
import type { FitContext, FitOptions } from "./fit-options.js";
import type { TrainingData } from "./training-data.js";

/** What a training is, beside its state: facts by their names, as texts that are compared. */
export type TrainingFacts = Readonly<Record<string, string>>;

/**
 * Everything that has to be the same for a training to go on with the numbers that it would have had. Of the data that is
 * its size and shape, the checksums of its labels and row numbers where they are known, and that of the first batch of
 * pass 0: it differs with another file, seed, batch size or augmentation.
 *
 * @throws as a pass over the data does
 */
export async function trainingFacts(
  train: TrainingData,
  options: FitOptions,
  { target, topology, training }: FitContext,
): Promise<TrainingFacts> {
  const facts: Record<string, string> = {};
  const add = (name: string, value: unknown) => {
    if (value !== undefined) facts[name] = JSON.stringify(value);
  };
  for (const { name, ...layer } of topology.layers) add(`layer "${name}"`, layer);
  add("task", target.task ?? "classification");
  add("classLabels", target.classLabels);
  add("loss", training.loss);
  for (const [name, value] of Object.entries(training.optimizer)) add(`optimizer.${name}`, value);
  for (const [name, value] of Object.entries(training.clipping ?? {})) add(`clipping.${name}`, value);
  add("l1", training.l1 ?? 0);
  add("l2", training.l2);
  add("labelSmoothing", training.labelSmoothing ?? 0);
  add("seed", training.seed);
  for (const [name, value] of training.layers ?? []) add(`training of layer "${name}"`, value);
  add("stepsPerEpoch", options.stepsPerEpoch);
  add("schedule", options.schedule === undefined ? "none" : "a function");
  for (const name of ["classWeight", "sampleWeight", "targetColumn", "earlyStopping", "reduceOnPlateau"] as const) {
    add(name, options[name]);
  }
  const { path: _, ...best } = options.saveBest ?? {};
  if (options.saveBest !== undefined) add("saveBest", best);
  await addData("train", train, true);
  if (options.validation !== undefined) await addData("validation", options.validation, false);
  return facts;

  async function addData(name: string, data: TrainingData, sampled: boolean): Promise<void> {
    add(`${name}.length`, data.length);
    add(`${name}.rowShape`, data.rowShape);
    if (data.labels !== undefined) add(`checksum of ${name}.labels`, checksum(Int32Array.from(data.labels)));
    if (data.indices !== undefined) add(`checksum of ${name}.indices`, checksum(Uint32Array.from(data.indices)));
    // Without numbered passes, a pass begun here would be missing in the training.
    if (!sampled || data.batches === undefined) return;
    const { targetColumn, signal } = options;
    for await (const { xs, labels } of checkedRows(name, data, target, { pass: 0, targetColumn, signal })) {
      add(`rows of the first batch of ${name}`, labels.length);
      add(`checksum of the first batch of ${name}`, [checksum(xs.data), checksum(labels)]);
      break;
    }
  }
}

function checksum({ buffer, byteOffset, byteLength }: Float32Array | Float64Array | Int32Array | Uint32Array): number {
  return crc32(new Uint8Array(buffer, byteOffset, byteLength));
}

const longest = 60;

/** What differs between two trainings, in words; empty if nothing does. */
export function describeDifferences(here: TrainingFacts, there: TrainingFacts): readonly string[] {
  const names = new Set([...Object.keys(here), ...Object.keys(there)]);
  return [...names]
    .filter((name) => here[name] !== there[name])
    .map((name) => {
      const [own, other] = [here[name] ?? "not there", there[name] ?? "not there"];
      return own.length > longest || other.length > longest ? name : `${name} (${own} here, ${other} in the file)`;
    });
}

/**
 * Features of a folder of pictures, made by several processes: `tsx examples/shards.ts animals/ features.hdf5`.
 *
 * In a job array (Slurm, Kubernetes, AWS Batch, Cloud Run) it makes the shard of its task, and with `--merge 4` it joins
 * four that are done. Anywhere else it starts four processes on this machine and joins what they make.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import {
  FeatureExtractor,
  HDF5DatasetWriter,
  imageFolder,
  mergeShards,
  onnx,
  type Shard,
  shardFromEnvironment,
  shardOf,
  shardPath,
  shardPaths,
} from "cnn-transfer";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { merge: { type: "string" } } });
const [folder = "animals", target = "features.hdf5"] = positionals;
const shard = values.merge === undefined ? shardFromEnvironment(process.env) : undefined;

if (values.merge !== undefined) await merge(Number(values.merge));
else if (shard) await makeShard(shard);
else {
  await startProcesses(4);
  await merge(4);
}

/** What each task does. Started again after a kill, it goes on where it was; where it was done, it does nothing. */
async function makeShard(shard: Shard): Promise<void> {
  const path = shardPath(target, shard);
  if (existsSync(path)) return;
  const images = shardOf(await imageFolder(folder), shard);
  await using extractor = await FeatureExtractor.create({ backbone: "vgg-mini", backend: onnx({ threads: 1 }) });
  await using writer = await HDF5DatasetWriter.create(path, {
    rows: images.length,
    rowShape: extractor.featureShape,
    classLabels: images.classLabels,
    attributes: { ...extractor.attributes, ...images.attributes },
    bufferSize: 32,
    resume: true,
    // A scheduler starts a task again elsewhere only once it has ended here.
    takeOver: true,
  });
  const { rows, skipped } = await extractor.extractTo(writer, images, { onError: "skip", resume: true });
  await writer.close();
  console.log(`shard ${shard.index} of ${shard.count}: ${rows} rows, ${skipped.length} pictures left out`);
}

async function merge(count: number): Promise<void> {
  const { rows, skipped } = await mergeShards(shardPaths(target, count), target, { overwrite: true, takeOver: true });
  console.log(`${target}: ${rows} rows of ${count} shards, ${skipped} pictures left out`);
}

/** A job array of one's own: this program once for each shard. */
async function startProcesses(count: number): Promise<void> {
  const tasks = Array.from({ length: count }, async (_, index) => {
    const env = { ...process.env, SHARD_INDEX: String(index), SHARD_COUNT: String(count) };
    const [code] = await once(fork(process.argv[1] as string, process.argv.slice(2), { env }), "exit");
    if (code !== 0) throw new Error(`shard ${index} ended with ${code}; start again to go on`);
  });
  await Promise.all(tasks);
}

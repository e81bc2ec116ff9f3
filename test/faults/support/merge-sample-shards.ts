/** A process that merges shards, to be killed while it does. It prints a line for each step: "ready", "merged N" (rows). */
import { writeSync } from "node:fs";
import { mergeShards } from "../../../src/merge-shards.js";

const { paths, target } = JSON.parse(process.argv[2] as string) as { paths: readonly string[]; target: string };
const say = (line: string) => writeSync(1, `${line}\n`);

say("ready");
await mergeShards(paths, target, { overwrite: true, onProgress: ({ done }) => say(`merged ${done}`) });

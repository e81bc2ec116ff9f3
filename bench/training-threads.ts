import { type TrainableNetwork, tfjsWasm } from "cnn-transfer";
import { blockJob, headJob, type Step, stepOf } from "./training-jobs.js";

// A process that takes steps on tfjs-wasm with so many threads: for each job that it is sent, as "head 32", it sends back the ms.
const backend = tfjsWasm({ threads: Number(process.argv[2]) });
let current: { readonly job: string; readonly network: TrainableNetwork; readonly step: Step } | undefined;

process.on("message", async (job: string) => {
  if (current?.job !== job) {
    await current?.network.dispose();
    const [peer, batchSize] = job.split(" ");
    const made = peer === "head" ? headJob(Number(batchSize)) : blockJob(Number(batchSize));
    const network = await backend.loadForTraining(made.network, made.options);
    current = { job, network, step: stepOf(network, made) };
  }
  process.send?.(await current.step());
});

// Stands in for the thread of ONNX Runtime and breaks in the way that the first output's name says.
import { parentPort } from "node:worker_threads";

let way = "";
parentPort?.on("message", (request) => {
  if (request.type === "load") {
    [way] = request.outputs;
    if (way === "exit-while-loading") process.exit(3);
    parentPort?.postMessage({ type: "loaded" });
  } else if (way === "throw") {
    throw new Error("out of luck");
  } else {
    process.exit(4);
  }
});

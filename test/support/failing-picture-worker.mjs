// Stands in for a thread that prepares pictures, and ends when it is given one.
import { parentPort } from "node:worker_threads";

parentPort?.on("message", () => process.exit(4));

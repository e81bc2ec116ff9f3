import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { h5wasm, isCnnTransferError, tfjsWasm, tfjsWebgpu } from "cnn-transfer";
import { transfer } from "./transfer.js";

setWasmPaths("/wasm/");

const backends = {
  auto: () => undefined,
  "tfjs-wasm": () => tfjsWasm(),
  "tfjs-webgpu": () => tfjsWebgpu({ allowFallbackAdapter: true }),
};

async function fetchBytes(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answers with status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

// For the test, which calls them from outside.
Object.assign(window, {
  async runTransfer(name, urls, classLabels) {
    return transfer(backends[name](), await Promise.all(urls.map(fetchBytes)), classLabels);
  },
  async startWebgpu(options) {
    try {
      await tfjsWebgpu(options).init();
      return "started";
    } catch (error) {
      return isCnnTransferError(error, "BackendUnavailableError") ? error.message : `other: ${error}`;
    }
  },
  async readHDF5(url, dataset) {
    const file = await h5wasm().open(await fetchBytes(url));
    try {
      return [...(await file.read(dataset)).data].map(Number);
    } finally {
      await file.close();
    }
  },
});

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isCnnTransferError, onnx, type TrainableBackend, tfjsNode, tfjsWasm } from "cnn-transfer";

const builtTfjsNode = fileURLToPath(new URL("../.tfjs-node/node_modules/@tensorflow/tfjs-node", import.meta.url));

/** ONNX Runtime first, then those of tfjs, as far as they are installed. */
export async function installedBackends(): Promise<readonly TrainableBackend[]> {
  const all = [onnx(), existsSync(builtTfjsNode) ? tfjsNode({ module: builtTfjsNode }) : tfjsNode(), tfjsWasm()];
  const installed: TrainableBackend[] = [];
  for (const backend of all) {
    try {
      await backend.init();
      installed.push(backend);
    } catch (error) {
      if (!isCnnTransferError(error, "BackendUnavailableError")) throw error;
    }
  }
  return installed;
}

import { BackendError, isCnnTransferError } from "../../errors.js";
import { messageOf } from "./shared-tfjs.js";

/** What to throw for an error from within tfjs: a BackendError that says what was done; errors of our own stay as they are. */
export function wrapFailure(error: unknown, what: string): unknown {
  return isCnnTransferError(error) ? error : new BackendError(`${what}: ${messageOf(error)}`, { cause: error });
}

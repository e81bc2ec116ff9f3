import { describe, test } from "vitest";
import { allBackends, skippedWithout, whyUnavailable } from "../support/backends.js";
import { describeBackend } from "./backend-suite.js";

for (const backend of allBackends) {
  const reason = await whyUnavailable(backend);
  if (reason === undefined) describe(`the backend ${backend.name}`, () => describeBackend(backend));
  else test.skip(`the backend ${backend.name}${skippedWithout(backend.name, reason)}`, () => {});
}

import { type ExecFileException, execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");
const pictures = path.resolve(root, "../shared/data/animals");
const isRoot = process.getuid?.() === 0;
const programs = ["munged", "slurmctld", "slurmd", "sbatch"];
const missing = programs.filter((name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0);

describe("a Slurm array of four tasks, one of which is killed and requeued", () => {
  test.skipIf(!isRoot || missing.length > 0 || !existsSync(pictures))(
    "ends, merged by a job that depends on it, in the bytes of one process (skipped where slurm-wlm, munge, root's rights the shared pictures are missing, or daemons do not come up)",
    async (context) => {
      const { stdout } = await promisify(execFile)("bash", [path.join(root, "test/slurm/run.sh"), pictures]).catch(
        (error: ExecFileException) => {
          if (error.code === 77) context.skip(error.stderr);
          throw error;
        },
      );
      expect(stdout).toMatch(/task 1 was killed and requeued/);
      expect(stdout).toMatch(/CANCELLED .*DUE TO JOB REQUEUE/);
      // Of 75 rows; the others it had written before.
      const [, afterwards] = /shard 1 of 4: (\d+) rows/.exec(stdout) ?? [];
      expect(Number(afterwards)).toBeLessThan(75);
      expect(stdout).toMatch(/equal, byte for byte/);
    },
  );
});

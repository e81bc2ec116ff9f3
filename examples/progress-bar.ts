/**
 * Shows how far a slow step is: a bar that redraws itself on a terminal, a line for every fifth of the way in a log.
 * Writes to standard error, so that standard output holds results only.
 */
export function progressBar(label: string): (done: number, total: number, note: string) => void {
  const { stderr } = process;
  let shown = -1;
  return (done, total, note) => {
    const part = total === 0 ? 1 : done / total;
    if (stderr.isTTY) {
      const filled = Math.round(part * 30);
      const bar = "█".repeat(filled) + "░".repeat(30 - filled);
      stderr.write(`\r${label} ${bar} ${done}/${total} ${note}\u001b[K${done >= total ? "\n" : ""}`);
      return;
    }
    const fifth = Math.floor(part * 5);
    if (fifth === shown) return;
    shown = fifth;
    stderr.write(`${label} ${done}/${total} ${note}\n`);
  };
}

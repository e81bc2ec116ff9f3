const defaults = { kills: 20, mutants: 500 } as const;

/**
 * How many faults a test makes: few by default, so that all tests stay quick, more through
 * `npm run test:faults -- --kills 200 --mutants 5000`.
 */
export function faultCount(kind: keyof typeof defaults): number {
  const asked = process.env[`FAULT_${kind.toUpperCase()}`];
  if (asked === undefined) return defaults[kind];
  const count = Number(asked);
  if (!Number.isSafeInteger(count) || count < 1)
    throw new Error(`--${kind} must be a whole number from 1 on: ${asked}`);
  return count;
}

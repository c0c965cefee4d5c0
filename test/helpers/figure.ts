import { appendFileSync } from 'node:fs';

/** What `npm run test:faults` prints and writes to docs/reliability.md (scripts/test-faults.mjs). */
export interface Figure {
  /** Heading it stands under: `Killed at every write`. */
  readonly area: string;
  /** `kill -9 of a build`. */
  readonly what: string;
  /** `812 of 3240 calls: 0 corrupt, 0 wrong, 0 leaked`. */
  readonly value: string;
  /** Rows of RELIABILITY's scoreboard it answers: `S1`. */
  readonly rows?: readonly string[];
}

/** Notes a measured figure; nothing outside `npm run test:faults`. */
export function figure(noted: Figure): void {
  const file = process.env['STAVE_FIGURES'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(noted)}\n`);
}

/** How much of a long test runs: `FAULTS=all` everything, `FAULTS=0.1` a tenth. */
export function share(): number {
  const given = process.env['FAULTS'] ?? '1';
  return given === 'all' ? Infinity : Number(given);
}

/** A number of rounds, less with `FAULTS=0.1`; `FAULTS=all` does not multiply rounds. */
export function rounds(usual: number): number {
  return Math.max(1, Math.round(usual * Math.min(1, share())));
}

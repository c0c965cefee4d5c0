import assert from 'node:assert/strict';
import { test } from 'node:test';
import { humanDuration, humanSize, since } from '../../src/cli/format/units.js';

// docker/go-units: HumanSizeWithPrecision(3) and HumanDuration.

const SIZES: readonly (readonly [bytes: number, shown: string])[] = [
  [0, '0B'],
  [1, '1B'],
  [999, '999B'],
  [1000, '1kB'],
  [1024, '1.02kB'],
  [1234, '1.23kB'],
  [1500, '1.5kB'],
  [9990, '9.99kB'],
  [10_000, '10kB'],
  [12_345, '12.3kB'],
  [123_456, '123kB'],
  [999_000, '999kB'],
  [1_000_000, '1MB'],
  [7_330_000, '7.33MB'],
  [7_334_567, '7.33MB'],
  [72_900_000, '72.9MB'],
  [104_857_600, '105MB'],
  [1_000_000_000, '1GB'],
  [1_073_741_824, '1.07GB'],
  [1_234_567_890, '1.23GB'],
  [12_300_000_000, '12.3GB'],
  [1_000_000_000_000, '1TB'],
  [2_500_000_000_000_000, '2.5PB'],
  [3_000_000_000_000_000_000, '3EB'],
];

for (const [bytes, shown] of SIZES) {
  test(`${String(bytes)} bytes are ${shown}`, () => {
    assert.equal(humanSize(bytes), shown);
  });
}

const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000];

const DURATIONS: readonly (readonly [ms: number, shown: string])[] = [
  [-5 * SECOND, 'Less than a second'],
  [0, 'Less than a second'],
  [999, 'Less than a second'],
  [SECOND, '1 second'],
  [1999, '1 second'],
  [2 * SECOND, '2 seconds'],
  [59 * SECOND, '59 seconds'],
  [MINUTE, 'About a minute'],
  [2 * MINUTE - 1, 'About a minute'],
  [2 * MINUTE, '2 minutes'],
  [45 * MINUTE, '45 minutes'],
  [59 * MINUTE, '59 minutes'],
  [HOUR, 'About an hour'],
  [89 * MINUTE, 'About an hour'],
  [90 * MINUTE, '2 hours'],
  [2 * HOUR, '2 hours'],
  [24 * HOUR, '24 hours'],
  [47 * HOUR, '47 hours'],
  [47 * HOUR + 29 * MINUTE, '47 hours'],
  [48 * HOUR, '2 days'],
  [13 * DAY, '13 days'],
  [14 * DAY, '2 weeks'],
  [20 * DAY, '2 weeks'],
  [21 * DAY, '3 weeks'],
  [59 * DAY, '8 weeks'],
  [60 * DAY, '2 months'],
  [365 * DAY, '12 months'],
  [729 * DAY, '24 months'],
  [730 * DAY, '2 years'],
  [1460 * DAY, '4 years'],
];

for (const [ms, shown] of DURATIONS) {
  test(`${String(ms)} ms are ${shown}`, () => {
    assert.equal(humanDuration(ms), shown);
  });
}

const NOW = Date.parse('2026-09-01T12:00:00Z');
const MOMENTS: readonly (readonly [time: string | undefined, shown: string])[] = [
  ['2026-09-01T11:59:58Z', '2 seconds ago'],
  ['2026-09-01T11:59:58.123456789Z', '1 second ago'],
  ['2026-09-01T11:00:00Z', 'About an hour ago'],
  ['2026-09-01T13:00:00+02:00', 'About an hour ago'],
  ['2026-08-18T12:00:00Z', '2 weeks ago'],
  ['2021-09-01T12:00:00Z', '5 years ago'],
  ['2026-09-01T12:00:01Z', 'Less than a second ago'],
  ['1970-01-01T00:00:00Z', 'N/A'],
  ['0001-01-01T00:00:00Z', 'N/A'],
  ['', 'N/A'],
  ['yesterday', 'N/A'],
  [undefined, 'N/A'],
];

for (const [time, shown] of MOMENTS) {
  test(`${time ?? 'no time'} is ${shown}`, () => {
    assert.equal(since(time, NOW), shown);
  });
}

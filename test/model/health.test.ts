import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goDurationText } from '../../src/model/go-duration.js';
import {
  type Health,
  healthAfter,
  mergedHealthcheck,
  pauseBeforeProbe,
  type ProbeResult,
  probeOf,
  startingHealth,
} from '../../src/model/health.js';
import type { Healthcheck } from '../../src/model/oci.js';

const S = 1e9;

function result(ExitCode: number, Output = ''): ProbeResult {
  return { Start: '', End: '', ExitCode, Output };
}

/** Statuses after each exit code, a second apart. */
function statuses(check: Healthcheck, codes: readonly number[]): string {
  let health: Health = startingHealth(undefined);
  return codes
    .map((code, second) => {
      health = healthAfter(health, result(code), { check, sinceStartNs: second * S });
      return `${health.Status}:${String(health.FailingStreak)}`;
    })
    .join(' ');
}

test('three failures in a row, or as many as asked for, make it unhealthy', () => {
  assert.equal(statuses({}, [1, 1, 1]), 'starting:1 starting:2 unhealthy:3');
  assert.equal(statuses({ Retries: 1 }, [0, 7, 0]), 'healthy:0 unhealthy:1 healthy:0');
  assert.equal(statuses({}, [0, 1, 1, 0, -1]), 'healthy:0 healthy:1 healthy:2 healthy:0 healthy:1');
});

test('in the start period failures do not count, until it was well once', () => {
  const check = { StartPeriod: 2 * S, Retries: 1 };
  assert.equal(statuses(check, [1, 1, 1]), 'starting:0 starting:0 unhealthy:1');
  assert.equal(statuses(check, [0, 1]), 'healthy:0 unhealthy:1');
});

test('the last five are logged, those of an earlier life too', () => {
  let health = startingHealth(undefined);
  for (let i = 1; i <= 7; i++)
    health = healthAfter(health, result(0, String(i)), { check: {}, sinceStartNs: 0 });
  assert.equal(health.Log.map(({ Output }) => Output).join(''), '34567');
  assert.deepEqual(startingHealth(health), {
    Status: 'starting',
    FailingStreak: 0,
    Log: health.Log,
  });
});

test('pauses', () => {
  const check = { StartPeriod: 10 * S };
  assert.equal(pauseBeforeProbe({}, { Status: 'starting' }, 0), 30 * S);
  assert.equal(pauseBeforeProbe(check, { Status: 'starting' }, 9 * S), 5 * S);
  assert.equal(pauseBeforeProbe(check, { Status: 'healthy' }, 9 * S), 30 * S);
  assert.equal(pauseBeforeProbe(check, { Status: 'starting' }, 10 * S), 30 * S);
});

test('commands', () => {
  assert.deepEqual(probeOf({ Healthcheck: { Test: ['CMD', 'a', 'b'] } }), ['a', 'b']);
  const Healthcheck = { Test: ['CMD-SHELL', 'a b'] };
  assert.deepEqual(probeOf({ Healthcheck }), ['/bin/sh', '-c', 'a b']);
  assert.deepEqual(probeOf({ Healthcheck, Shell: ['/x', '-y'] }), ['/x', '-y', 'a b']);
  assert.equal(probeOf({ Healthcheck: { Test: ['NONE'] } }), undefined);
  assert.equal(probeOf({ Healthcheck: { Interval: S } }), undefined);
});

test('what is given goes before what the image says', () => {
  const image = { Test: ['CMD', 'x'], Interval: S, Retries: 2 };
  assert.deepEqual(mergedHealthcheck({ Interval: 0, Retries: 5 }, image), { ...image, Retries: 5 });
  assert.deepEqual(mergedHealthcheck(undefined, image), image);
  assert.deepEqual(mergedHealthcheck({ Test: ['NONE'] }, image)?.Test, ['NONE']);
});

const DURATIONS: readonly (readonly [number, string])[] = [
  [0, '0s'],
  [200e6, '200ms'],
  [1.5e9, '1.5s'],
  [90e9, '1m30s'],
  [3600e9, '1h0m0s'],
];
for (const [ns, text] of DURATIONS) {
  test(text, () => {
    assert.equal(goDurationText(ns), text);
  });
}

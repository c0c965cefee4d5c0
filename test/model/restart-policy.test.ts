import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ContainerEnd,
  parseRestartPolicy,
  pauseBeforeRestart,
  startsWithMachine,
} from '../../src/model/restart-policy.js';

const END: ContainerEnd = {
  ...{ exitCode: 1, stopped: false, restarts: 0, ranMs: 50, lastPauseMs: 0 },
};

function pause(policy: string, end: Partial<ContainerEnd>): number | undefined {
  return pauseBeforeRestart(parseRestartPolicy(policy), { ...END, ...end });
}

test('the pause doubles to a minute, and begins anew after ten seconds of life', () => {
  const pauses: number[] = [];
  for (let last = 0; pauses.length < 12;)
    pauses.push((last = pause('always', { lastPauseMs: last }) ?? -1));
  assert.deepEqual(
    pauses,
    [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000],
  );
  assert.equal(pause('always', { lastPauseMs: 51_200, ranMs: 10_000 }), 100);
});

const CASES: readonly (readonly [string, Partial<ContainerEnd>, again: boolean, boot: boolean])[] =
  [
    ['no', {}, false, false],
    ['always', { exitCode: 0 }, true, true],
    ['always', { stopped: true }, false, true],
    ['unless-stopped', { exitCode: 0 }, true, true],
    ['unless-stopped', { stopped: true }, false, false],
    ['on-failure', {}, true, true],
    ['on-failure', { exitCode: 0 }, false, false],
    ['on-failure:2', { restarts: 1 }, true, true],
    ['on-failure:2', { restarts: 2 }, false, false],
    ['on-failure:0', { restarts: 200 }, true, true],
  ];
for (const [policy, end, again, boot] of CASES) {
  test(`${policy} ${JSON.stringify(end)}`, () => {
    assert.equal(pause(policy, end) !== undefined, again);
    assert.equal(startsWithMachine(parseRestartPolicy(policy), { ...END, ...end }), boot);
  });
}

test('what is no policy', () => {
  assert.throws(() => parseRestartPolicy(':3'), /no policy provided before colon$/);
  assert.throws(() => parseRestartPolicy('on-failure:x'), /must be an integer$/);
  assert.deepEqual(parseRestartPolicy('always:'), { Name: 'always', MaximumRetryCount: 0 });
});

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { killHalfStarted } from '../../src/container/half-started.js';

const ID = 'f00d'.repeat(16);

/** Whoever started it was killed, and the monitor's first process with it: no file says who the rest is. */
describe('a container whose monitor is not known by its pid', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stave-half-'));
  const begun: ChildProcess[] = [];
  after(() => {
    for (const child of begun) child.kill('SIGKILL');
    rmSync(dir, { recursive: true });
  });
  /** A program by that name, with words it does not look at, that waits until it is killed. */
  const waiting = async (name: string, ...words: readonly string[]): Promise<ChildProcess> => {
    const child = spawn('/bin/sh', ['-c', 'read line', ...words], {
      argv0: join(dir, name),
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    begun.push(child);
    await new Promise((resolve) => child.once('spawn', resolve));
    return child;
  };

  test('its monitor and its runtime are ended, and nobody else who names it', async () => {
    const monitor = await waiting('conmon', ID);
    const ended = new Promise((resolve) =>
      monitor.once('exit', (_, signal) => {
        resolve(signal);
      }),
    );
    const [other, reader] = [await waiting('conmon', 'cafe'.repeat(16)), await waiting('vi', ID)];
    writeFileSync(join(dir, 'pid'), '');
    killHalfStarted(dir, ID);
    assert.equal(await ended, 'SIGKILL');
    for (const child of [other, reader]) assert.equal(child.exitCode ?? child.signalCode, null);
  });
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createContainerStore } from '../../src/container/container-store.js';

test('a wait that is out of time while the monitor is ending rejects with the reason it was given', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'stave-containers-'));
  const id = 'c'.repeat(64);
  const monitor = spawn('sleep', ['1000'], { argv0: id, stdio: 'ignore' });
  t.after(() => {
    monitor.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  });
  mkdirSync(join(directory, id));
  writeFileSync(join(directory, id, 'lock'), '');
  writeFileSync(join(directory, id, 'monitor.pid'), String(monitor.pid));
  const containers = createContainerStore(directory, Date.now);
  assert.ok(containers.isRunning(id));
  await assert.rejects(containers.waitForEnd(id, AbortSignal.timeout(1)), { name: 'TimeoutError' });
});

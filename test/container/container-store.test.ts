import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ContainerStore, createContainerStore } from '../../src/container/container-store.js';
import { createVolumeStore } from '../../src/container/volume-store.js';
import { DEFAULT_HOST_CONFIG } from '../../src/model/host-config.js';

function storeAt(directory: string): ContainerStore {
  const volumes = createVolumeStore(join(directory, 'volumes'), Date.now, {
    temporary: () => directory,
    tell: () => undefined,
  });
  return createContainerStore(directory, { now: Date.now, volumes, tell: () => undefined });
}

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
  const containers = storeAt(directory);
  assert.ok(containers.isRunning(id));
  await assert.rejects(containers.waitForEnd(id, AbortSignal.timeout(1)), { name: 'TimeoutError' });
});

test('a state that a stave wrote before there was a HostConfig reads as one without flags', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'stave-containers-'));
  t.after(() => {
    rmSync(directory, { recursive: true });
  });
  const id = 'd'.repeat(64);
  mkdirSync(join(directory, id));
  const old = { id, name: 'old', status: 'created', network: 'none', autoRemove: true };
  writeFileSync(join(directory, id, 'state.json'), JSON.stringify(old));
  const containers = storeAt(directory);
  assert.deepEqual(containers.find('old').hostConfig, {
    ...DEFAULT_HOST_CONFIG,
    NetworkMode: 'none',
    AutoRemove: true,
  });
});

test('what was removed does not come back when somebody who saw it saves it', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'stave-containers-'));
  t.after(() => {
    rmSync(directory, { recursive: true });
  });
  const id = 'e'.repeat(64);
  mkdirSync(join(directory, id));
  const state = { id, name: 'seen', status: 'created', network: 'none' };
  writeFileSync(join(directory, id, 'state.json'), JSON.stringify(state));
  const containers = storeAt(directory);
  const seen = containers.find('seen');
  containers.save({ ...seen, name: 'saved' });
  assert.equal(containers.find('saved').id, id);
  rmSync(join(directory, id), { recursive: true });
  containers.save(seen);
  assert.deepEqual(containers.list(), []);
});

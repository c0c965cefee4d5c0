import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { cdiDevices, matchDevices } from '../../src/runtime/cdi.js';

describe('CDI', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stave-cdi-'));
  const [etc, run] = [join(dir, 'etc'), join(dir, 'run')];
  mkdirSync(etc);
  mkdirSync(run);
  after(() => {
    rmSync(dir, { recursive: true });
  });
  writeFileSync(
    join(etc, 'vendor1.yaml'),
    `cdiVersion: "0.6.0"
kind: vendor1.com/device
annotations:
  org.mobyproject.buildkit.device.class: gpu
containerEdits:
  env: [ALL=1]
devices:
- name: foo
  containerEdits:
    env: [FOO=injected]
    deviceNodes:
    - {path: /dev/foo, hostPath: /dev/null, fileMode: 432}
    mounts:
    - {hostPath: /etc/hostname, containerPath: /foo, options: [ro]}
- name: bar
  annotations:
    org.mobyproject.buildkit.device.autoallow: "true"
`,
  );
  writeFileSync(
    join(run, 'vendor2.json'),
    JSON.stringify({
      kind: 'vendor2.com/net',
      devices: [{ name: '0', containerEdits: { hooks: [] } }],
    }),
  );
  writeFileSync(join(run, 'README'), 'not a spec');
  const devices = cdiDevices([etc, run, join(dir, 'none')]);
  const names = (request: string): string[] =>
    matchDevices(devices, request).map(({ name }) => name);

  test('a name, all of a kind, the first of a kind or class', () => {
    assert.deepEqual(names('vendor1.com/device=foo'), ['vendor1.com/device=foo']);
    assert.deepEqual(names('vendor1.com/device=*'), [
      'vendor1.com/device=foo',
      'vendor1.com/device=bar',
    ]);
    assert.deepEqual(names('vendor1.com/device'), ['vendor1.com/device=foo']);
    assert.deepEqual(names('gpu'), ['vendor1.com/device=foo']);
    assert.deepEqual(names('vendor1.com/device=baz'), []);
    assert.deepEqual(
      devices.map(({ autoAllow }) => autoAllow),
      [false, true, false],
    );
  });

  test('edits: those of the file, then those of the device', () => {
    const [device] = matchDevices(devices, 'vendor1.com/device=foo');
    assert.deepEqual(device?.edits(), {
      env: ['ALL=1', 'FOO=injected'],
      devices: [{ path: '/dev/foo', type: 'c', major: 1, minor: 3, mode: 0o660, uid: 0, gid: 0 }],
      mounts: [{ source: '/etc/hostname', target: '/foo', readonly: true }],
    });
  });

  test('an edit that is not applied is refused by name', () => {
    const [device] = matchDevices(devices, 'vendor2.com/net');
    assert.throws(() => device?.edits(), /vendor2\.json: containerEdits\.hooks is not supported/);
  });

  test('a file that is no YAML is named', () => {
    writeFileSync(join(run, 'broken.yaml'), 'a: [');
    assert.throws(() => cdiDevices([run]), /broken\.yaml cannot be read/);
  });
});

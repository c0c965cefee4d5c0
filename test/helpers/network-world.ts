import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { busyboxContext } from './busybox.js';
import { type Outcome, type StaveWorld, staveWorld } from './stave.js';

export interface Inspected {
  readonly State: { readonly Pid: number };
  readonly NetworkSettings: {
    readonly Ports: Readonly<Record<string, readonly { readonly HostPort: string }[] | null>>;
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>>;
  };
}

export interface InspectedNetwork {
  readonly Id: string;
  readonly Containers: Readonly<Record<string, { readonly Name: string }>>;
  readonly EnableIPv6: boolean;
  readonly IPAM: {
    readonly Options: Readonly<Record<string, string>> | null;
    readonly Config: readonly { readonly Gateway: string }[];
  };
}

/** A world whose containers have networks; what those had on the machine is gone at its end, or the test fails. */
export interface NetworkWorld extends StaveWorld {
  readonly inspect: (name: string) => Inspected;
  readonly network: (name: string) => InspectedNetwork;
  readonly addressOf: (name: string, network: string) => string;
  /** Bridges, rules and records of this world's networks. */
  readonly traces: () => string[];
  readonly attached: () => string[];
  /** A container that answers with its name on port 80. Gives its id. */
  readonly server: (name: string, ...args: string[]) => string;
  readonly shell: (name: string, script: string) => Outcome;
}

export function networkWorld(): NetworkWorld {
  const world = staveWorld();
  world.env['STAVE_NETWORK'] = '';
  const { ok, run } = world;
  const attached = (): string[] => attachedIn(world.root);
  const network = (name: string): InspectedNetwork =>
    (JSON.parse(ok('network', 'inspect', name).stdout) as [InspectedNetwork])[0];
  const inspect = (name: string): Inspected =>
    (JSON.parse(ok('inspect', name).stdout) as [Inspected])[0];
  const traces = (): string[] => {
    const ids = ok('network', 'ls', '-q', '--no-trunc').stdout.trim().split('\n');
    return [...ids.filter(isOnMachine), ...attached()];
  };
  before(() => {
    ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    const ids = run('ps', '-aq').stdout.trim().split('\n').filter(Boolean);
    if (ids.length > 0) run('rm', '-f', ...ids);
    const left = traces();
    world[Symbol.dispose]();
    assert.deepEqual(left, []);
  });
  return {
    ...world,
    attached,
    network,
    inspect,
    traces,
    addressOf: (name, of) => inspect(name).NetworkSettings.Networks[of]?.IPAddress ?? '',
    server: (name, ...args) => {
      const script = `mkdir -p /www && echo ${name} > /www/index.html && exec httpd -f -p 80 -h /www`;
      return ok('run', '-d', '--name', name, ...args, 'bb', 'sh', '-c', script).stdout.trim();
    },
    shell: (name, script) => run('exec', name, 'sh', '-c', script),
  };
}

function attachedIn(root: string): string[] {
  try {
    return readdirSync(join(root, 'networks/attached'));
  } catch {
    return []; // No container had a network yet.
  }
}

function isOnMachine(id: string): boolean {
  const bridge = `br-${id.slice(0, 12)}`;
  const rules = ['iptables-save', 'ip6tables-save']
    .map((program) => execFileSync(program, { encoding: 'utf8' }))
    .join('\n');
  return (
    readdirSync('/sys/class/net').includes(bridge) || rules.includes(id) || rules.includes(bridge)
  );
}

const MINUTE = 60_000;

/** Polls: nothing here depends on how fast the machine is. */
export async function until(what: string, look: () => boolean): Promise<void> {
  const end = Date.now() + 2 * MINUTE;
  while (!look()) {
    if (Date.now() > end) throw new Error(`timed out: ${what}`);
    await delay(20);
  }
}

/** One request, by a program of its own so that nothing is kept open. '' without an answer. */
export function get(host: string, port: number | string): string {
  const url = `http://${host}:${String(port)}/`;
  return spawnSync('curl', ['-s', '--noproxy', '*', '-m', '5', url], { encoding: 'utf8' }).stdout;
}

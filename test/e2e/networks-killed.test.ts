import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { networkWorld, until } from '../helpers/network-world.js';

const world = networkWorld();
const other = networkWorld();
const { ok, network, attached, traces, server } = world;

describe('what is killed leaves nothing', () => {
  const pidOf = (file: string): number => Number(readFileSync(file, 'utf8'));

  test('SIGKILL of the monitor and of the container: the next command takes all of it down', async () => {
    ok('network', 'create', 'stv-kill');
    const id = server('doomed', '--network', 'stv-kill', '-p', '127.0.0.1::80');
    const bridge = `br-${network('stv-kill').Id.slice(0, 12)}`;
    assert.ok(readdirSync('/sys/class/net').includes(bridge));
    process.kill(pidOf(join(world.root, 'containers', id, 'monitor.pid')), 'SIGKILL');
    await until('the monitor is gone', () => !ok('ps', '-q').stdout.includes(id.slice(0, 12)));
    ok('ps');
    assert.deepEqual(attached(), []);
    assert.ok(!readdirSync('/sys/class/net').includes(bridge));
    assert.ok(!execFileSync('iptables-save', { encoding: 'utf8' }).includes(id));
    ok('rm', 'doomed');
    ok('network', 'rm', 'stv-kill');
  });

  test('SIGKILL of stave at any moment of a start', async () => {
    for (let wait = 40; wait <= 400; wait += 20) {
      const child = spawn('bin/stave', ['run', '--rm', '-p', '80', 'bb', 'sleep', '1000'], {
        env: world.env,
        stdio: 'ignore',
      });
      const gone = new Promise((resolve) => child.once('exit', resolve));
      await delay(wait);
      child.kill('SIGKILL');
      await gone;
    }
    const ids = ok('ps', '-aq').stdout.trim().split('\n').filter(Boolean);
    if (ids.length > 0) ok('rm', '-f', ...ids);
    await until('nothing is left', () => {
      ok('ps');
      return traces().length === 0;
    });
  });

  test('containers and networks in numbers, of two stores at once, leave nothing behind', async () => {
    const rounds = async ({ start }: typeof world, name: string): Promise<void> => {
      const steps = [
        ['network', 'create', '--ipv6', name],
        ['run', '--rm', '--network', name, '-p', '80', 'bb', 'nslookup', 'localhost.'],
        ['network', 'rm', name],
      ];
      for (const args of [...steps, ['run', '--rm', '-p', '80', 'bb', 'true'], ...steps]) {
        const { status, stderr } = await start(args);
        // Nobody answers for that name: that it was asked is enough.
        if (!args.includes('nslookup')) assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
        else assert.doesNotMatch(stderr, /ERROR/);
      }
    };
    const both = [world, other].flatMap((each) =>
      ['a', 'b'].map((name) => rounds(each, `stv-${name}`)),
    );
    await Promise.all(both);
    for (const each of [world, other])
      await until('all is taken down', () => {
        each.ok('ps');
        return each.traces().length === 0;
      });
  });
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { networkWorld, until } from '../helpers/network-world.js';

const world = networkWorld();
const { ok, run, network, addressOf, server, shell } = world;

const WAIT = ['bb', 'sleep', '1000'];

describe('networks with names', () => {
  before(() => {
    ok('network', 'create', '--label', 'a=b', 'stv-one');
    server('db', '--network', 'stv-one', '--network-alias', 'store');
  });
  after(() => {
    run('rm', '-f', 'db');
    run('network', 'rm', 'stv-one');
  });

  test('containers find each other by name, alias and id, and the world by the host', () => {
    const id = ok('ps', '-q', '--no-trunc').stdout.trim().split('\n')[0] ?? '';
    for (const name of ['db', 'store', id.slice(0, 12)]) {
      const { stdout, stderr } = run(
        'run',
        '--rm',
        '--network',
        'stv-one',
        'bb',
        'sh',
        '-c',
        `for i in $(seq 60); do timeout 5 wget -qO- http://${name}/ && exit; sleep 1; done`,
      );
      assert.equal(stdout, 'db\n', stderr);
    }
    const resolv = ok(
      'run',
      '--rm',
      '--network',
      'stv-one',
      '--dns-search',
      'example.org',
      'bb',
      'cat',
      '/etc/resolv.conf',
    ).stdout;
    const gateway = network('stv-one').IPAM.Config[0]?.Gateway ?? '';
    assert.equal(resolv, `nameserver ${gateway}\nsearch example.org\noptions ndots:0\n`);
  });

  test('--ip, --mac-address and a fixed subnet', () => {
    ok(
      'network',
      'create',
      '--subnet',
      '10.213.7.0/24',
      '--gateway',
      '10.213.7.254',
      '--ip-range',
      '10.213.7.128/25',
      'stv-two',
    );
    ok(
      'run',
      '-d',
      '--name',
      'fixed',
      '--network',
      'stv-two',
      '--ip',
      '10.213.7.9',
      '--mac-address',
      '02:42:00:00:00:99',
      'bb',
      'sleep',
      '1000',
    );
    ok('run', '-d', '--name', 'given', '--network', 'name=stv-two,alias=x', 'bb', 'sleep', '1000');
    assert.equal(addressOf('fixed', 'stv-two'), '10.213.7.9');
    assert.equal(addressOf('given', 'stv-two'), '10.213.7.128');
    assert.match(
      shell('fixed', 'ifconfig eth0').stdout,
      /HWaddr 02:42:00:00:00:99[\s\S]*10\.213\.7\.9 /,
    );
    const taken = run('run', '--rm', '--network', 'stv-two', '--ip', '10.213.7.9', 'bb', 'true');
    assert.match(taken.stderr, /^ERROR: Address already in use\n/);
    const outside = run('run', '--rm', '--network', 'stv-two', '--ip', '10.99.0.1', 'bb', 'true');
    assert.match(
      outside.stderr,
      /no configured subnet or ip-range contain the IP address 10\.99\.0\.1/,
    );
    ok('rm', '-f', 'fixed', 'given');
    ok('network', 'rm', 'stv-two');
  });

  test('networks are apart; connect joins them, disconnect parts them', async () => {
    ok('run', '-d', '--name', 'far', 'bb', 'sleep', '1000');
    const address = addressOf('db', 'stv-one');
    const reach = (): boolean =>
      shell('far', `timeout 2 wget -qO- http://${address}/`).status === 0;
    assert.equal(reach(), false);
    // Also once another network is gone.
    ok('network', 'create', 'stv-brief');
    ok('run', '--rm', '--network', 'stv-brief', 'bb', 'true');
    ok('network', 'rm', 'stv-brief');
    assert.equal(reach(), false);
    ok('network', 'connect', '--alias', 'away', 'stv-one', 'far');
    await until('the other network', reach);
    assert.deepEqual(
      Object.values(network('stv-one').Containers)
        .map(({ Name }) => Name)
        .sort(),
      ['db', 'far'],
    );
    assert.match(
      run('network', 'connect', 'stv-one', 'far').stderr,
      /^ERROR: endpoint with name far already exists in network stv-one\n/,
    );
    ok('network', 'disconnect', 'stv-one', 'far');
    assert.equal(reach(), false);
    assert.equal(shell('far', 'ls /sys/class/net').stdout, 'eth0\nlo\n');
    ok('rm', '-f', 'far');
  });

  test('container:NAME is the network of another container, with its names', () => {
    const out = ok(
      'run',
      '--rm',
      '--network',
      'container:db',
      'bb',
      'sh',
      '-c',
      'timeout 5 wget -qO- http://127.0.0.1/; cat /etc/hosts',
    ).stdout;
    assert.match(out, /^db\n/);
    assert.ok(out.includes(addressOf('db', 'stv-one')));
    ok('create', '--name', 'still', 'bb', 'true');
    assert.match(
      run('run', '--rm', '--network', 'container:still', 'bb', 'true').stderr,
      /cannot join network namespace of a non running container: container still is created/,
    );
    ok('rm', 'still');
    assert.match(
      run('run', '--rm', '--network', 'container:db', '-p', '80', 'bb', 'true').stderr,
      /^ERROR: conflicting options: port publishing and the container type network mode\n/,
    );
  });

  test('--internal has no way out, --ipv6 has addresses of both kinds, --opt mtu is kept', () => {
    ok('network', 'create', '--internal', 'stv-in');
    ok(
      'network',
      'create',
      '--ipv6',
      '--subnet',
      'fd00:7e57:1::/64',
      '-o',
      'com.docker.network.driver.mtu=1400',
      'stv-six',
    );
    assert.doesNotMatch(
      ok('run', '--rm', '--network', 'stv-in', 'bb', 'route', '-n').stdout,
      /^0\.0\.0\.0/m,
    );
    const six = ok(
      'run',
      '--rm',
      '--network',
      'stv-six',
      'bb',
      'sh',
      '-c',
      'ifconfig eth0; cat /sys/class/net/eth0/mtu',
    ).stdout;
    assert.match(six, /fd00:7e57:1::2\/64 Scope:Global[\s\S]*^1400$/m);
    assert.equal(network('stv-six').EnableIPv6, true);
    ok('run', '-d', '--name', 'sixth', '--network', 'stv-six', ...WAIT);
    const asked = `for i in $(seq 60); do nslookup sixth | grep '^Address: fd00' && exit; sleep 1; done`;
    const fixed = ['--network', 'name=stv-six,ip6=fd00:7e57:1::99'];
    const out = ok('run', '--rm', ...fixed, 'bb', 'sh', '-c', `${asked}; ifconfig eth0`).stdout;
    assert.match(out, /^Address: fd00:7e57:1::2$/m);
    const own = ok('run', '--rm', ...fixed, 'bb', 'ifconfig', 'eth0').stdout;
    assert.match(own, /fd00:7e57:1::99\/64/);
    ok('rm', '-f', 'sixth');
    ok('network', 'rm', 'stv-in', 'stv-six');
  });

  test('--gw-priority chooses the way out; options of names, ports and addresses', () => {
    const options = ['bridge.host_binding_ipv4=127.0.0.1', 'container_iface_prefix=lan'];
    const opts = options.flatMap((each) => ['-o', `com.docker.network.${each}`]);
    ok('network', 'create', ...opts, '--ipam-opt', 'a=b', '--scope', 'local', 'stv-opt');
    assert.deepEqual(network('stv-opt').IPAM.Options, { a: 'b' });
    const way = (name: string): string =>
      /^0\.0\.0\.0\s+(\S+)/m.exec(shell(name, 'route -n').stdout)?.[1] ?? '';
    const gateway = (name: string): string => network(name).IPAM.Config[0]?.Gateway ?? '';
    ok('run', '-d', '--name', 'two', '--network', 'stv-one', '-p', '80', ...WAIT);
    ok('network', 'connect', '--gw-priority', '1', 'stv-opt', 'two');
    assert.equal(way('two'), gateway('stv-opt'));
    assert.equal(shell('two', 'ls /sys/class/net').stdout, 'eth0\nlan1\nlo\n');
    ok('rm', '-f', 'two');
    const nets = ['--network', 'stv-one', '--network', 'name=stv-opt,gw-priority=1'];
    ok('run', '-d', '--name', 'two', ...nets, '-p', '80', ...WAIT);
    assert.equal(way('two'), gateway('stv-opt'));
    assert.match(ok('port', 'two').stdout, /^80\/tcp -> 127\.0\.0\.1:\d+\n$/);
    ok('network', 'disconnect', 'stv-opt', 'two');
    assert.equal(ok('port', 'two').stdout, '');
    assert.equal(way('two'), gateway('stv-one'));
    ok('rm', '-f', 'two');
    ok('network', 'rm', 'stv-opt');
  });
});

describe('network commands', () => {
  test('ls, its columns and filters', () => {
    ok('network', 'create', '--label', 'tier=back', 'stv-ls');
    const lines = ok('network', 'ls').stdout.split('\n');
    assert.match(lines[0] ?? '', /^NETWORK ID     NAME      DRIVER    SCOPE$/);
    assert.match(lines[1] ?? '', /^[0-9a-f]{12}   bridge    bridge    local$/);
    assert.match(
      lines.find((line) => line.includes('none')) ?? '',
      /^[0-9a-f]{12}   none      null      local$/,
    );
    const names = (...filters: string[]): string =>
      ok('network', 'ls', '--format', '{{.Name}}', ...filters.flatMap((each) => ['-f', each]))
        .stdout;
    assert.equal(names('label=tier=back'), 'stv-ls\n');
    assert.equal(names('type=custom', 'name=stv-l'), 'stv-ls\n');
    assert.equal(names('driver=null'), 'none\n');
    assert.equal(names('dangling=true', 'name=stv-l'), 'stv-ls\n');
    assert.match(run('network', 'ls', '-f', 'nosuch=1').stderr, /^ERROR: invalid filter 'nosuch'/);
    assert.match(
      ok('network', 'ls', '--format', 'json', '-f', 'name=stv-ls').stdout,
      /^\{"CreatedAt":".*","Driver":"bridge","ID":"[0-9a-f]{12}","IPv4":"true","IPv6":"false","Internal":"false","Labels":"tier=back","Name":"stv-ls","Scope":"local"\}\n$/,
    );
  });

  test('rm and prune', () => {
    assert.equal(ok('network', 'rm', 'stv-ls').stdout, 'stv-ls\n');
    ok('network', 'create', 'stv-idle');
    const asked = spawnSync('bin/stave', ['network', 'prune'], {
      env: world.env,
      encoding: 'utf8',
      input: 'n\n',
    });
    assert.match(
      asked.stdout,
      /^WARNING! This will remove all custom networks not used by at least one container\.\nAre you sure you want to continue\? \[y\/N\] $/,
    );
    assert.equal(ok('network', 'prune', '-f').stdout, 'Deleted Networks:\nstv-idle\n\n');
    assert.equal(ok('network', 'prune', '-f').stdout, '');
    const none = run('network', 'rm', 'stv-idle');
    assert.deepEqual([none.status, none.stdout], [1, '']);
    assert.match(none.stderr, /^ERROR: network stv-idle not found\n/);
    assert.equal(run('network', 'rm', '-f', 'stv-idle').status, 0);
  });

  const REFUSED: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [['create', 'bridge'], /operation is not permitted on predefined bridge network/],
    [['create', 'a/b'], /invalid network name \(a\/b\)/],
    [['create', '../x'], /invalid network name/],
    [
      ['create', '--subnet', '10.214.0.5/24', 'x'],
      /invalid subnet 10\.214\.0\.5\/24: it should be 10\.214\.0\.0\/24/,
    ],
    [['create', '--subnet', '10.214', 'x'], /invalid CIDR address: 10\.214/],
    [
      ['create', '--gateway', '10.9.9.1', '--subnet', '10.214.0.0/24', 'x'],
      /no matching subnet for gateway 10\.9\.9\.1/,
    ],
    [
      ['create', '--gateway', '10.9.9.1', 'x'],
      /every ip-range or gateway must have a corresponding subnet/,
    ],
    [['create', '-d', 'nosuch', 'x'], /plugin "nosuch" not found/],
    [['create', '-d', 'macvlan', 'x'], /--driver macvlan is not supported: .*firewall/],
    [['create', '--config-only', 'x'], /--config-only is not supported: give each network its own/],
    [['create', '--config-from', 'y', 'x'], /--config-from is not supported: give each network/],
    [['create', '--ingress', 'x'], /--ingress is not supported: it is of swarms/],
    [['create', '--scope', 'swarm', 'x'], /cannot create a swarm scoped network/],
    [['create', '--ipv4=false', 'x'], /--ipv4=false is not supported: published ports and names/],
    [
      ['create', '-o', 'com.docker.network.bridge.enable_icc=false', 'x'],
      /enable_icc=false is not supported: containers of one network reach each other/,
    ],
    [['ls', '-f', 'type=x'], /invalid filter: 'type'='x'/],
    [['ls', '-f', 'dangling=x'], /invalid value for filter 'dangling', must be "true"/],
    [['prune', '-f', '--filter', 'until=abc'], /failed to parse value as time or duration: "abc"/],
    [
      ['connect', '--link', 'a', 'bridge', 'x'],
      /--link is not supported: containers of one network/,
    ],
    [['connect', '--link-local-ip', '1.2.3.4', 'bridge', 'x'], /--link-local-ip is not supported/],
    [['connect', '--driver-opt', 'a=b', 'bridge', 'x'], /--driver-opt is not supported: a bridge/],
    [['connect', '--gw-priority', 'x', 'bridge', 'x'], /invalid gw-priority \(x\)/],
    [['create', '-o', 'nosuch=1', 'x'], /--opt nosuch is not supported/],
    [['rm', 'bridge'], /bridge is a pre-defined network and cannot be removed/],
    [['connect', 'nosuch', 'x'], /No such container: x/],
    [['inspect', 'nosuch'], /network nosuch not found/],
  ];
  for (const [args, message] of REFUSED)
    test(`network ${args.join(' ')}`, () => {
      const { status, stderr } = run('network', ...args);
      assert.notEqual(status, 0);
      assert.match(stderr, message);
    });

  test('run refuses what cannot be, with 125', () => {
    const table: readonly (readonly [args: readonly string[], message: RegExp])[] = [
      [['--network', 'nosuch'], /network nosuch not found/],
      [['--network', '../../x'], /network \.\.\/\.\.\/x not found/],
      [
        ['--ip', '10.1.1.1'],
        /user-specified IP address is supported on user-defined networks only/,
      ],
      [
        ['--network-alias', 'x'],
        /network-scoped aliases are only supported for user-defined networks/,
      ],
      [['--add-host', 'a:1.2.3.4\n6.6.6.6 evil'], /invalid IP address in add-host/],
      [['--dns', 'x'], /IP address is not correctly formatted: x/],
      [['--dns-option', 'a\nnameserver 6.6.6.6'], /invalid --dns-option/],
      [['--mac-address', 'x'], /x is not a valid mac address/],
      [
        ['--link', 'x'],
        /--link is not supported: containers of one network find each other by name/,
      ],
    ];
    for (const [args, message] of table) {
      const { status, stderr } = run('run', '--rm', ...args, 'bb', 'true');
      assert.deepEqual([status, message.test(stderr)], [125, true], stderr);
    }
  });
});

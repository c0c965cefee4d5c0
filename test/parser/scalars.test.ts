import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseDuration } from '../../src/parser/duration.js';
import { healthText } from '../../src/parser/health-text.js';
import { exposedPorts } from '../../src/parser/ports.js';
import { checkSignal } from '../../src/parser/signals.js';

describe('durations', () => {
  const good: Readonly<Record<string, number>> = {
    '': 0,
    '0': 0,
    '0s': 0,
    '30s': 30e9,
    '1m30s': 90e9,
    '1.5h': 5400e9,
    '.5s': 5e8,
    '2.s': 2e9,
    '+1ms': 1e6,
    '1000us': 1e6,
    '1000µs': 1e6,
    '1000μs': 1e6,
    '1h1m1s1ms1us1ns': 3661001001001,
    '8760h': 31536e12,
  };
  for (const [text, ns] of Object.entries(good)) {
    test(JSON.stringify(text), () => {
      assert.equal(parseDuration(text, 'interval'), ns);
    });
  }
  const bad = ['1', 's', '1x', '1s ', ' 1s', '1d', '.s', '--1s', '1,5s', '1s2', '9999999h'];
  for (const text of bad) {
    test(`${JSON.stringify(text)} is refused`, () => {
      assert.throws(
        () => parseDuration(text, 'interval'),
        /^Problem: invalid duration .* for --interval$/,
      );
    });
  }
  for (const text of ['1ns', '999us', '-1s']) {
    test(`${text} is too short`, () => {
      assert.throws(() => parseDuration(text, 'timeout'), /--timeout cannot be less than 1ms/);
    });
  }
});

describe('I4 ports', () => {
  const good: Readonly<Record<string, readonly string[]>> = {
    '80': ['80/tcp'],
    '80/': ['80/tcp'],
    '80/UDP': ['80/udp'],
    '53/sctp': ['53/sctp'],
    '80-82/udp': ['80/udp', '81/udp', '82/udp'],
    '80-80': ['80/tcp'],
    '0': ['0/tcp'],
    '65535': ['65535/tcp'],
    '8080:80': ['80/tcp'],
    '1-3:80': ['80/tcp'],
    '0.0.0.0:1234-1235:3333-3334/tcp': ['3333/tcp', '3334/tcp'],
    '[::1]:80:80': ['80/tcp'],
    '[2001:4860:0:2001::68]::333': ['333/tcp'],
    '2001:4860:0:2001::68::333': ['333/tcp'],
    '::1:80:80': ['80/tcp'],
    '::::80': ['80/tcp'],
  };
  for (const [word, ports] of Object.entries(good)) {
    test(word, () => {
      assert.deepEqual(exposedPorts([word]), ports);
    });
  }
  const bad: Readonly<Record<string, RegExp>> = {
    '': /^Problem: invalid port: "": no port specified$/,
    '/tcp': /no port specified/,
    '0.0.0.0:1234-1235:': /no port specified/,
    '80/icmp': /^Problem: invalid proto: icmp$/,
    '80/tcp/udp': /invalid proto: tcp\/udp/,
    http: /invalid containerPort: http/,
    '-1': /invalid containerPort/,
    '65536': /invalid containerPort/,
    '90-80': /invalid containerPort/,
    '80-': /invalid containerPort/,
    '1-70000': /invalid containerPort/,
    '99999999999999999999': /invalid containerPort/,
    'x:80': /invalid hostPort: x/,
    '1-2:80-82': /invalid ranges specified for container and host Ports: 80-82 and 1-2/,
    'localhost:1234:1234/tcp': /invalid IP address: localhost/,
    '1.2.3:80:80': /invalid IP address/,
    '[::zz]:80:80': /invalid IP address/,
  };
  for (const [word, message] of Object.entries(bad)) {
    test(`${JSON.stringify(word)} is refused`, () => {
      assert.throws(() => exposedPorts([word]), message);
    });
  }
  test('in the order given', () => {
    assert.deepEqual(exposedPorts(['90', '80', '90']), ['90/tcp', '80/tcp', '90/tcp']);
  });
});

test('I10 signals', () => {
  for (const text of ['SIGTERM', 'term', 'sigKill', '9', '64', 'RTMIN+3', 'SIGRTMAX-1']) {
    assert.equal(checkSignal(text), text);
  }
  for (const text of ['', '0', '65', 'SIG', 'SIGNOPE', '-9', '9 ', 'RTMIN+']) {
    assert.throws(() => checkSignal(text), /invalid signal/, text);
  }
  assert.throws(() => checkSignal('SIGTREM'), { hint: 'did you mean SIGTERM?' });
});

test('Y1 the history text of a health check (TestDispatchHealthcheckHistory)', () => {
  const check = {
    Test: ['bin', '-c', 'exit 0'],
    Interval: 1e9,
    Timeout: 10e9,
    StartPeriod: 3e9,
    StartInterval: 100e6,
    Retries: 5,
  };
  const start = '{Test:[bin -c exit 0] Interval:1s Timeout:10s StartPeriod:3s ';
  assert.equal(healthText(check), `${start}StartInterval:100ms Retries:5}`);
  const odd = { Interval: 90e9, Timeout: 3600e9, StartPeriod: 1_500_000, StartInterval: 3661.25e9 };
  assert.equal(
    healthText(odd),
    '{Test:[] Interval:1m30s Timeout:1h0m0s StartPeriod:1.5ms StartInterval:1h1m1.25s Retries:0}',
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from '../../src/cli/command.js';
import { commands } from '../../src/cli/commands.js';
import { commandHelp, overview } from '../../src/cli/help.js';

const COMMAND: Command = {
  names: ['build', 'image build'],
  usage: '[OPTIONS] PATH',
  summary: 'Build an image',
  flags: [
    { name: 'file', short: 'f', kind: 'text', value: 'FILE', help: 'The Dockerfile' },
    { name: 'no-cache', kind: 'bool', help: 'Run every step' },
    { name: 'label', kind: 'list', help: 'Metadata' },
    { name: 'squash', kind: 'bool', help: 'Never shown', later: true },
  ],
  run: () => Promise.resolve(0),
};

test('help of a command: usage, summary, aliases, its flags in columns', () => {
  assert.equal(
    commandHelp(COMMAND),
    [
      'Usage:  stave build [OPTIONS] PATH',
      '',
      'Build an image',
      '',
      'Aliases:',
      '  stave image build',
      '',
      'Options:',
      '  -f, --file FILE     The Dockerfile',
      '      --no-cache      Run every step',
      '      --label VALUE   Metadata',
      '',
    ].join('\n'),
  );
});

test('a command without flags and aliases has no such parts', () => {
  const plain = commandHelp({ ...COMMAND, names: ['tag'], usage: 'A B', flags: [] });
  assert.equal(plain, 'Usage:  stave tag A B\n\nBuild an image\n');
});

test('flags for later are not in the help of any command', () => {
  for (const command of commands) {
    const help = commandHelp(command);
    for (const flag of command.flags) {
      const listed = new RegExp(`^  .{3} --${flag.name}( |$)`, 'm').test(help);
      assert.equal(
        listed,
        flag.later !== true && flag.refused === undefined,
        `${command.names.join()} --${flag.name}`,
      );
    }
  }
});

test('every command says what it does on one line that fits a terminal', () => {
  for (const { names, summary, usage } of commands) {
    assert.match(summary, /^[A-Z].*[^.\s]$/, names[0]);
    assert.ok(summary.length < 80 && !summary.includes('\n'), names[0]);
    assert.doesNotMatch(usage, /\n/);
  }
});

test('no two commands have one name, no two flags of a command one name or letter', () => {
  const names = commands.flatMap((command) => command.names);
  assert.equal(new Set(names).size, names.length);
  for (const { names: own, flags } of commands) {
    const words = flags.map(({ name }) => name);
    const letters = flags.flatMap(({ short }) => short ?? []);
    assert.equal(new Set(words).size, words.length, own[0]);
    assert.equal(new Set(letters).size, letters.length, own[0]);
  }
});

test('the overview lists every command once, a group only its own', () => {
  const all = overview(commands, undefined);
  for (const { names, summary } of commands) {
    assert.equal(all.split(`  ${names[0] ?? ''}   `).length, 2, names[0]);
    assert.ok(all.includes(summary));
  }
  const image = overview(commands, 'image');
  assert.match(image, /^Usage: {2}stave image COMMAND$/m);
  for (const name of ['build', 'ls', 'history', 'inspect', 'rm', 'tag'])
    assert.match(image, new RegExp(`^  image ${name} `, 'm'));
  assert.doesNotMatch(image, /container|^ {2}run /m);
});

test('docker names work: images, ps, rmi and their long forms', () => {
  const names = new Set(commands.flatMap((command) => command.names));
  const dockers = ['build', 'image build', 'buildx build', 'images', 'image ls', 'image list']
    .concat(['rmi', 'image rm', 'ps', 'container ls', 'run', 'container run', 'history', 'tag'])
    .concat(['inspect', 'image inspect', 'container inspect', 'save', 'load', 'pull', 'version']);
  assert.deepEqual(
    dockers.filter((name) => !names.has(name)),
    [],
  );
});

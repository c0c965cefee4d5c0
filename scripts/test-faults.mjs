// `npm run test:faults [-- [--onto] test/faults/NAME.test.ts]`: the long tests of faults, two files at a time, some 40
// minutes on two quiet cores; FAULTS=all takes every moment of what is sampled, FAULTS=0.1 a tenth. The figures that
// the tests note (test/helpers/figure.ts) are printed, and a whole run writes them to docs/reliability.md. With --onto
// those of the named files take the place of the last whole run's: what was mended is run again, and said to be.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { resolve } from 'node:path';
import prettier from 'prettier';
import { globSync } from './glob.mjs';

const DOCUMENT = 'docs/reliability.md';

/** RELIABILITY's scoreboard, the rows that these tests measure; `to` is what there is to reach. */
const SCOREBOARD = [
  ['S1', 'SIGKILL at every write-class call: 0 corrupt, 0 wrong tags, 0 leftovers'],
  ['S2', 'SIGKILL at random moments: 0 corrupt, 0 processes and mounts left at once, 0 leftovers'],
  ['S3', 'power cuts: what exit 0 promised is whole, 0 corrupt objects visible'],
  ['S4', 'SIGINT, SIGTERM, SIGHUP: exit within 2 s, nothing left'],
  ['S5', '32 builds at once on one store, 20 rounds: 0 failures'],
  ['S6', 'build, prune, rmi storm: 0 failures'],
  ['S7', '16 processes, one 200 MB layer: one download, also past a killed leader'],
  ['S16', 'ENOSPC, EIO, EMFILE at every write-class call: clear error, nothing damaged'],
  ['S17', 'one bit flipped in each store file: found before use, mended, 0 wrong images'],
  ['S18', 'reboots: nothing by hand, at most 200 ms'],
  ['S23', 'many builds: no descriptor, mount, temporary file or memory is kept'],
  ['S24', 'random sequences of commands agree with a model'],
];

const onto = process.argv.includes('--onto');
const only = process.argv.slice(2).filter((each) => each !== '--onto');
/** What docs/reliability.md tells: `runs` and `noted`. */
const STATE = resolve('build', 'faults.json');
const files = only.length > 0 ? only : globSync('test/faults', /\.test\.ts$/);
const figures = resolve('build', 'figures.jsonl');
rmSync(figures, { force: true });
const start = Date.now();
const built = spawnSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' });
if (built.status !== 0) process.exit(built.status ?? 1);
const run = spawnSync(
  process.execPath,
  ['scripts/run-tests.mjs', ...files, '--', `--test-timeout=${2 * 3_600_000}`],
  { stdio: 'inherit', env: { ...process.env, STAVE_FIGURES: figures } },
);
const noted = existsSync(figures)
  ? readFileSync(figures, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  : [];
const passed = run.status === 0;
for (const { area, what, value } of noted) process.stdout.write(`${area}: ${what}: ${value}\n`);
if (only.length === 0 || onto) {
  const before = onto ? JSON.parse(readFileSync(STATE, 'utf8')) : { runs: [], noted: [] };
  const isNew = (old) => !noted.some(({ area, what }) => area === old.area && what === old.what);
  const all = {
    runs: [...before.runs, thisRun()],
    noted: [...before.noted.filter(isNew), ...noted],
  };
  writeFileSync(STATE, JSON.stringify(all));
  const options = (await prettier.resolveConfig(DOCUMENT)) ?? {};
  const text = await prettier.format(documentOf(all), { ...options, parser: 'markdown' });
  writeFileSync(DOCUMENT, text);
  process.stdout.write(`wrote ${DOCUMENT}\n`);
}
process.exitCode = run.status ?? 1;

function thisRun() {
  const settings = ['FAULTS', 'ONLY', 'ONLY_FAULTS'].filter(
    (name) => process.env[name] !== undefined,
  );
  const named = only.length === 0 ? '' : ` -- --onto ${only.join(' ')}`;
  return [
    new Date(start).toISOString().slice(0, 16).replace('T', ' ') + ' UTC',
    execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    `${settings.map((name) => `${name}=${process.env[name]} `).join('')}npm run test:faults${named}`,
    `${((Date.now() - start) / 60_000).toFixed(1)} minutes`,
    passed ? 'all tests passed' : `FAILED: ${failedTests().join(', ')}`,
  ];
}

function failedTests() {
  const tap = readFileSync(resolve('build', 'results.tap'), 'utf8');
  return [...new Set([...tap.matchAll(/^\s*not ok \d+ - (.*)$/gm)].map(([, name]) => name))];
}

function documentOf({ runs, noted }) {
  const areas = [...new Set(noted.map(({ area }) => area))];
  return [
    '# Reliability, measured',
    'Written by `npm run test:faults` (scripts/test-faults.mjs); do not edit. What is measured is in `test/faults/`, a short sample of each in `npm test`.',
    `Machine: ${cpus().length} x ${cpus()[0]?.model ?? '?'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.versions.node}. A later run's figures take the place of those of the same name.`,
    table(['date', 'commit', 'command', 'time', 'outcome'], runs),
    ...areas.flatMap((area) => [
      `## ${area}`,
      table(
        ['what', 'measured'],
        noted.filter((each) => each.area === area).map(({ what, value }) => [what, value]),
      ),
    ]),
    '## Scoreboard',
    table(
      ['row', 'to reach', 'measured'],
      SCOREBOARD.map(([row, to]) => [
        row,
        to,
        noted
          .filter(({ rows = [] }) => rows.includes(row))
          .map(({ what, value }) => `${what}: ${value}`)
          .join('; ') || 'not measured',
      ]),
    ),
  ].join('\n\n');
}

function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

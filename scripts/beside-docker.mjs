// node scripts/beside-docker.mjs [TABLE]: runs each line of a table by docker and by stave and prints where they differ.
// DOCKER_HOST and STAVE_ROOT name a daemon and a store of one's own, with the images bb and app in both (docker save, stave
// load): the lines make and remove things.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname ?? '.', '..');
const [table = join(root, 'scripts/beside-docker.txt')] = process.argv.slice(2);
if (process.env.DOCKER_HOST === undefined || process.env.STAVE_ROOT === undefined) {
  console.error('DOCKER_HOST and STAVE_ROOT must name a daemon and a store of your own');
  process.exit(2);
}

/** Words of a line; quotes keep blanks. */
function words(line) {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c);
}

function run(program, args, input) {
  const options = { input, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } };
  const { status, stdout, stderr } = spawnSync(program, args, options);
  return { exit: String(status), out: plain(stdout), err: plain(stderr) };
}

/** What need not be equal: who is speaking, when it was, hints, widths, escapes of JSON. */
function plain(text) {
  return text
    .replace(/\n\n(Usage: |See '|Run ')[^]*/, '')
    .replace(/^(Error response from daemon: |docker: |Error: |ERROR: )+/gm, '')
    .replace(/\n\nhint: .*/g, '')
    .replace(/(About )?(\d+|an?) (second|minute|hour)s? ago|Less than a second ago/g, 'AGO')
    .replaceAll('\\u003c', '<')
    .replaceAll('\\u003e', '>')
    .replace(/docker/g, 'stave')
    .replace(/ +/g, ' ')
    .replace(/ $/gm, '')
    .trim();
}

let [lines, differing] = [0, 0];
for (const line of readFileSync(table, 'utf8').split('\n')) {
  if (line === '' || line.startsWith('#')) continue;
  const [command = '', input = ''] = line.split('<<<');
  const [docker, stave] = ['docker', join(root, 'bin/stave')].map((program) =>
    run(program, words(command), `${input}\n`),
  );
  lines++;
  const parts = ['exit', 'out', 'err'].filter((part) => docker[part] !== stave[part]);
  if (parts.length === 0) continue;
  differing++;
  console.log(`=== ${line}`);
  for (const part of parts)
    console.log(` ${part} docker: ${docker[part]}\n ${part} stave : ${stave[part]}`);
}
console.log(`${lines} lines, ${differing} differ`);

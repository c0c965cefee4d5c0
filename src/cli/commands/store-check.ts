import { BuildError } from '../../model/error.js';
import type { Checked, StoreProblem } from '../../model/store-problem.js';
import { checkStore } from '../../store-check.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';

export const storeCheckCommand: Command = {
  names: ['store check'],
  usage: '[OPTIONS]',
  summary: 'Look whether everything in the store is as it was written',
  flags: [
    { name: 'format', kind: 'text', value: 'FORMAT', help: 'text (default) or json' },
    { name: 'full', kind: 'bool', help: 'Read every byte of every layer, too' },
    {
      name: 'repair',
      kind: 'bool',
      help: 'Take out what is unusable, so that it is pulled or built anew',
    },
  ],
  noArguments: true,
  run: async ({ flags, env, stdout }) => {
    const format = flags.text('format') ?? 'text';
    if (!FORMATS.includes(format))
      throw new BuildError('usage', `invalid --format ${JSON.stringify(format)}`, {
        hint: `use one of ${FORMATS.join(', ')}`,
      });
    const repair = flags.bool('repair');
    await using workshop = openWorkshop(undefined, env);
    const found = await checkStore({ full: flags.bool('full'), repair }, workshop);
    const text = format === 'json' ? `${JSON.stringify(found)}\n` : report(found, repair);
    say(stdout, text);
    const left = found.flatMap(({ problems }) => problems).filter(({ fix }) => !repair || !fix);
    return left.length === 0 ? 0 : 1;
  },
};

const FORMATS: readonly string[] = ['text', 'json'];
const WIDTH = 12;

function report(found: readonly Checked[], repair: boolean): string {
  const lines = found.map(({ kind, count, problems }) => {
    const bad = problems.length === 0 ? '' : `, ${String(problems.length)} bad`;
    return `${kind.padEnd(WIDTH)}${String(count)}${bad}`;
  });
  const all = found.flatMap((checked) => checked.problems);
  const problems = all.flatMap(({ what, problem, remedy, fix }) => [
    '',
    `${what}: ${problem}`,
    `${repair && fix !== undefined ? 'repaired; ' : ''}remedy: ${remedy}`,
  ]);
  return `${[...lines, ...problems, '', verdict(all, repair)].join('\n')}\n`;
}

/** The last line: numbers alone leave one to wonder. */
function verdict(problems: readonly StoreProblem[], repair: boolean): string {
  if (problems.length === 0) return 'nothing is wrong';
  const count = `${String(problems.length)} problem${problems.length === 1 ? '' : 's'}`;
  const fixable = problems.filter(({ fix }) => fix !== undefined).length;
  if (repair) return `${count}, ${String(fixable)} repaired`;
  return fixable === 0 ? count : `${count}; stave store check --repair repairs ${String(fixable)}`;
}

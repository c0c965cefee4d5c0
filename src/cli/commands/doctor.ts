import { type Diagnosis, diagnose } from '../../doctor.js';
import { BuildError } from '../../model/error.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { humanSize } from '../format/units.js';

export const doctorCommand: Command = {
  names: ['doctor'],
  usage: '[OPTIONS]',
  summary: 'Say what this machine lets stave do, what is in the way and what to do about it',
  flags: [{ name: 'format', kind: 'text', value: 'FORMAT', help: 'text (default) or json' }],
  run: async ({ flags, env, stdout }) => {
    const format = flags.text('format') ?? 'text';
    if (format !== 'text' && format !== 'json') {
      const hint = 'stave doctor --format json';
      throw new BuildError('usage', `invalid --format ${JSON.stringify(format)}: text or json`, {
        hint,
      });
    }
    await using workshop = openWorkshop(undefined, env);
    const diagnosis = await diagnose(workshop);
    say(stdout, format === 'json' ? `${JSON.stringify(diagnosis)}\n` : text(diagnosis));
    return diagnosis.builds ? 0 : 1;
  },
};

const WIDTH = 34;

function text(diagnosis: Diagnosis): string {
  const { cgroups, fuse, overlay, kernel } = diagnosis;
  const limits = cgroups.limits ? 'limits are enforced' : 'limits are not enforced';
  return [
    ...ladder(diagnosis),
    '',
    row('builds without RUN', diagnosis.builds ? 'work' : 'do not work'),
    row('RUN', diagnosis.runs ? 'works' : 'does not work'),
    row('containers (run, exec)', diagnosis.containers ? 'work' : 'do not work'),
    '',
    ...diagnosis.programs.map(({ name, path, version, needed }) =>
      row(name, path === undefined ? `missing (${needed})` : `${version ?? 'there'} (${path})`),
    ),
    '',
    row('kernel', kernel),
    row('overlay', overlay),
    row('cgroups', `${cgroups.version}: ${limits}`),
    row('/dev/fuse', fuse ? 'there' : 'cannot be opened'),
    ...store(diagnosis),
    '',
  ].join('\n');
}

function ladder({ ladder: rungs }: Diagnosis): string[] {
  return rungs.flatMap(({ rung, name, gives, available, here, blocked, remedy }) => {
    const title = `${here ? '>' : ' '} ${String(rung)}  ${name.padEnd(WIDTH - 5)}`;
    if (available) return [`${title}${here ? 'here: ' : ''}${gives}`];
    return [`${title}no: ${blocked ?? ''}`, `${' '.repeat(WIDTH)}remedy: ${remedy ?? ''}`];
  });
}

function store({ store: { path, filesystem, free, problem, remedy } }: Diagnosis): string[] {
  const there =
    path === undefined ? [] : [`${path} on ${filesystem ?? ''}, ${humanSize(free ?? 0)} free`];
  const lines = [...there, ...(problem === undefined ? [] : [`problem: ${problem}`])];
  return [...lines, ...(remedy === undefined ? [] : [`remedy: ${remedy}`])].map((line, i) =>
    row(i === 0 ? 'store' : '', line),
  );
}

function row(name: string, value: string): string {
  return `${name.padEnd(WIDTH)}${value}`;
}

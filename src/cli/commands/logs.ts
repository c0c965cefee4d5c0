import { containerLog } from '../../containers.js';
import type { LogFilter, LogLine } from '../../model/log-lines.js';
import { BuildError } from '../../model/error.js';
import { timeOrAgo } from '../../model/go-duration.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { exactly } from './images.js';

export const logsCommand: Command = {
  names: ['logs', 'container logs'],
  usage: '[OPTIONS] CONTAINER',
  summary: 'Show what a container wrote',
  flags: [
    { name: 'follow', short: 'f', kind: 'bool', help: 'Go on until it ends' },
    { name: 'since', kind: 'text', value: 'TIME', help: 'A timestamp, or how long ago (10m)' },
    { name: 'tail', short: 'n', kind: 'text', value: 'LINES', help: 'Only the last lines (all)' },
    { name: 'timestamps', short: 't', kind: 'bool', help: 'Show times' },
    { name: 'until', kind: 'text', value: 'TIME', help: 'A timestamp, or how long ago (10m)' },
    { name: 'details', kind: 'bool', help: 'With what its log options add: a blank here' },
  ],
  run: async (context) => {
    const { flags, env, stdout, stderr, signal } = context;
    const [name = ''] = exactly(context, 1, 'stave logs [OPTIONS] CONTAINER');
    await using workshop = openWorkshop(undefined, env);
    const options = {
      ...filterOf(context, workshop.now()),
      follow: flags.bool('follow'),
      signal,
    };
    const timestamps = flags.bool('timestamps');
    // docker writes the labels and variables that log options name, and a blank; there are no such options here.
    const details = flags.bool('details') ? ' ' : '';
    let fresh = true;
    for await (const lines of containerLog(name, options, workshop)) {
      for (const line of lines) {
        const time = timestamps ? `${line.time.replace('+00:00', 'Z')} ` : '';
        const before = fresh ? time + details : '';
        write(line.stream === 'stderr' ? stderr : stdout, before, line);
        fresh = line.text.at(-1) === 10;
      }
    }
    return 0;
  },
};

function write(stream: NodeJS.WriteStream, before: string, { text }: LogLine): void {
  if (before !== '') say(stream, before);
  stream.write(text);
}

function filterOf({ flags }: CommandContext, now: number): LogFilter {
  // What is no number, or is less than none, means all: as docker has it.
  const tail = flags.text('tail') ?? 'all';
  const [since, until] = [flags.text('since'), flags.text('until')];
  return {
    ...(/^\+?\d+$/.test(tail) ? { tail: Number(tail) } : {}),
    ...(since === undefined ? {} : { since: timeOf(since, 'since', now) }),
    ...(until === undefined ? {} : { until: timeOf(until, 'until', now) }),
  };
}

function timeOf(text: string, flag: string, now: number): number {
  const at = timeOrAgo(text, now);
  if (at !== undefined) return at;
  const why = `failed to parse value as time or duration: ${JSON.stringify(text)}`;
  throw new BuildError('usage', `invalid value for "${flag}": ${why}`, {
    hint: 'a time such as 2026-01-02T15:04:05Z, or how long ago, such as 10m',
  });
}

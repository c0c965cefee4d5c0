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
    { name: 'details', kind: 'bool', help: '', later: true },
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
    let fresh = true;
    for await (const lines of containerLog(name, options, workshop)) {
      for (const line of lines) {
        const time = timestamps && fresh ? `${line.time.replace('+00:00', 'Z')} ` : '';
        write(line.stream === 'stderr' ? stderr : stdout, time, line);
        fresh = line.text.at(-1) === 10;
      }
    }
    return 0;
  },
};

function write(stream: NodeJS.WriteStream, time: string, { text }: LogLine): void {
  if (time !== '') say(stream, time);
  stream.write(text);
}

function filterOf({ flags }: CommandContext, now: number): LogFilter {
  const tail = flags.text('tail');
  if (tail !== undefined && tail !== 'all' && !/^\d+$/.test(tail))
    throw new BuildError('usage', `invalid --tail ${JSON.stringify(tail)}`, {
      hint: 'a number of lines, or all',
    });
  const [since, until] = [flags.text('since'), flags.text('until')];
  return {
    ...(tail === undefined || tail === 'all' ? {} : { tail: Number(tail) }),
    ...(since === undefined ? {} : { since: timeOf(since, '--since', now) }),
    ...(until === undefined ? {} : { until: timeOf(until, '--until', now) }),
  };
}

function timeOf(text: string, flag: string, now: number): number {
  const at = timeOrAgo(text, now);
  if (at !== undefined) return at;
  throw new BuildError('usage', `invalid ${flag} ${JSON.stringify(text)}`, {
    hint: 'a time such as 2026-01-02T15:04:05Z, or how long ago, such as 10m',
  });
}

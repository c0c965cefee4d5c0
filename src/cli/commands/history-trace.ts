import { findBuild } from '../../build-history.js';
import { buildTrace } from '../../model/build-trace.js';
import { stepsOf } from '../../model/build-report.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { BUILDER } from './history.js';
import { atMostOneBuild } from './history-inspect.js';
import { writeReport } from '../report-files.js';

export const buildTraceCommand: Command = {
  names: ['history trace', 'buildx history trace'],
  usage: '[OPTIONS] [BUILD]',
  summary: 'Write a build as a trace for ui.perfetto.dev or chrome://tracing',
  flags: [
    {
      name: 'addr',
      kind: 'text',
      help: '',
      refused: 'no server is started: open the file with ui.perfetto.dev or chrome://tracing',
    },
    BUILDER,
    {
      name: 'compare',
      kind: 'text',
      help: '',
      refused: 'a trace viewer shows one build: open both files, each in a window',
    },
    { name: 'output', short: 'o', kind: 'text', value: 'FILE', help: 'Default, and -: stdout' },
  ],
  run: async (context) => {
    const { flags, env, stdout } = context;
    const wanted = atMostOneBuild(context, 'stave history trace [OPTIONS] [BUILD]');
    await using workshop = openWorkshop(undefined, env);
    const record = findBuild(wanted, workshop);
    const { facts, status, seen } = record;
    const ended = status === 'running' ? workshop.now() : seen;
    const trace = buildTrace(stepsOf(record), { started: facts.started, ended, status, facts });
    const text = `${JSON.stringify(trace)}\n`;
    const file = flags.text('output') ?? '-';
    if (file === '-') say(stdout, text);
    else writeReport('output', file, text);
    return 0;
  },
};

import { containerProcesses } from '../../container-usage.js';
import { escapeControls } from '../../ui/escape.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { table } from '../format/table.js';
import { atLeastOne } from './images.js';

/** docker's top is a tabwriter of its own: no column under twenty wide. */
const NARROWEST = 20;

export const topCommand: Command = {
  names: ['top', 'container top'],
  usage: 'CONTAINER [ps OPTIONS]',
  summary: 'Show the processes of a container',
  interspersed: false,
  flags: [],
  run: async (context) => {
    const { env, stdout } = context;
    const usage = 'stave top CONTAINER [ps OPTIONS]';
    const [name = '', ...options] = atLeastOne(context, usage);
    await using workshop = openWorkshop(undefined, env);
    const { titles, processes } = containerProcesses(name, options, workshop);
    const rows = [titles, ...processes].map((row) => row.map(escapeControls));
    say(stdout, table(rows, NARROWEST));
    return 0;
  },
};

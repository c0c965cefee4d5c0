import { findBuild, matchBuild } from '../../build-history.js';
import { buildName } from '../../model/build-name.js';
import type { BuildRecord } from '../../model/build-record.js';
import { stepsOf } from '../../model/build-report.js';
import type { BuildStep } from '../../model/build-steps.js';
import { BuildError } from '../../model/error.js';
import { reasonText, type StepReason, stepReason } from '../../model/why-report.js';
import { oneLine } from '../../ui/escape.js';
import { openWorkshop, type Workshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { buildDuration } from '../format/build-columns.js';
import { since } from '../format/units.js';
import { compileTemplate } from '../template/execute.js';
import { chooseSteps } from './history-logs.js';

export const whyCommand: Command = {
  names: ['why', 'history why'],
  usage: '[OPTIONS] [BUILD] [STEP]',
  summary: 'Say why the steps of a build ran, and how the others were cached',
  flags: [{ name: 'format', kind: 'text', value: 'TEMPLATE', help: 'json or a Go template' }],
  run: async ({ flags, env, stdout }) => {
    const format = flags.text('format') ?? '';
    const template = format === '' || format === 'json' ? undefined : compileTemplate(format);
    await using workshop = openWorkshop(undefined, env);
    const { record, step } = chosen(flags.rest, workshop);
    const reasons = reasonsOf(record, step);
    const { id } = record.facts;
    const report = {
      ...{ Ref: id, Name: buildName(record.facts), Status: record.status, Steps: reasons },
    };
    if (template !== undefined) say(stdout, `${template(report)}\n`);
    else if (format === 'json') say(stdout, `${JSON.stringify(report, null, 2)}\n`);
    else say(stdout, heading(record, workshop.now()) + reasons.map(paragraph).join(''));
    return 0;
  },
};

interface Chosen {
  readonly record: BuildRecord;
  readonly step: string | undefined;
}

/** A word alone is a build, or a step of the last one. */
function chosen(args: readonly string[], workshop: Workshop): Chosen {
  const [first, second, ...more] = args;
  if (more.length > 0)
    throw new BuildError('usage', 'requires at most 2 arguments', {
      hint: 'usage: stave why [OPTIONS] [BUILD] [STEP]; quote a step of several words',
    });
  if (first === undefined || second !== undefined || first.startsWith('^'))
    return { record: findBuild(first, workshop), step: second };
  const record = matchBuild(first, workshop);
  return record === undefined
    ? { record: findBuild(undefined, workshop), step: first }
    : { record, step: undefined };
}

function reasonsOf(record: BuildRecord, wanted: string | undefined): readonly StepReason[] {
  const steps = stepsOf(record);
  const own = ({ range }: BuildStep): boolean => range !== undefined;
  const shown = wanted === undefined ? steps.filter(own) : chooseSteps(wanted, steps);
  return shown
    .map((step) => stepReason(step, steps))
    .toSorted((a, b) => (a.Number || Infinity) - (b.Number || Infinity) || 0);
}

function heading({ facts, status, seen, end }: BuildRecord, now: number): string {
  const when = since(new Date(facts.started).toISOString(), now);
  const took = buildDuration((status === 'running' ? now : seen) - facts.started);
  const error = end?.error === undefined ? '' : `ERROR: ${oneLine(end.error.message)}\n`;
  return `build ${facts.id} of ${oneLine(buildName(facts))}: ${status}, ${when}, ${took}\n${error}\n`;
}

function paragraph(reason: StepReason): string {
  const { Number: number, Name, Cause } = reason;
  const label = number === 0 ? '#-' : `#${String(number)}`;
  const cause =
    Cause === undefined
      ? ''
      : `${label} began with #${String(Cause.Number)} ${oneLine(Cause.Name)}: ${oneLine(beginning(Cause))}\n`;
  return `${label} ${oneLine(Name)}\n${label} ${oneLine(reasonText(reason))}\n${cause}\n`;
}

/** A base is never run: it is another image. */
function beginning(cause: StepReason): string {
  if (cause.Status === 'cached')
    return cause.CachedBy === 'content' ? 'same result' : 'it gives something else than before';
  return cause.Why?.text ?? '';
}

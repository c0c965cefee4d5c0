import { engineEvents } from '../../events.js';
import type { EngineEvent } from '../../model/engine-event.js';
import { BuildError } from '../../model/error.js';
import { EVENT_FILTERS } from '../../model/event-filters.js';
import { parseFilters } from '../../model/filters.js';
import { timeOrAgo } from '../../model/go-duration.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { localNanoTime } from '../format/local-time.js';
import { compileTemplate, TEMPLATE_CODE } from '../template/execute.js';
import { withExitCode } from '../exit-error.js';

export const eventsCommand: Command = {
  names: ['events', 'system events'],
  usage: '[OPTIONS]',
  summary: 'Show what happens to containers, images, networks and volumes',
  flags: [
    { name: 'filter', short: 'f', kind: 'list', value: 'KEY=VALUE', help: 'Only those that match' },
    { name: 'format', kind: 'text', value: 'TEMPLATE', help: 'json or a Go template' },
    { name: 'since', kind: 'text', value: 'TIME', help: 'Also those since then: 10m, a date' },
    { name: 'until', kind: 'text', value: 'TIME', help: 'Not later than that' },
  ],
  noArguments: true,
  run: async (context) => {
    const { flags, env, stdout, signal } = context;
    const show = printer(flags.text('format'));
    await using workshop = openWorkshop(undefined, env);
    const now = workshop.now();
    const options = {
      filters: parseFilters(flags.list('filter'), EVENT_FILTERS),
      ...timeFlag(context, 'since', now),
      ...timeFlag(context, 'until', now),
    };
    for await (const event of engineEvents(options, workshop, signal)) say(stdout, show(event));
    return 0;
  },
};

function timeFlag(
  { flags }: CommandContext,
  name: 'since' | 'until',
  now: number,
): { readonly since?: number; readonly until?: number } {
  const text = flags.text(name);
  if (text === undefined) return {};
  const time = timeOrAgo(text, now);
  if (time !== undefined) return { [name]: time };
  throw new BuildError('usage', `invalid value for "${name}": failed to parse ${text}`, {
    hint: 'a time such as 2026-01-02T15:04:05Z, or how long ago, such as 10m',
  });
}

function printer(format: string | undefined): (event: EngineEvent) => string {
  if (format === undefined || format === '') return (event) => `${lineOf(event)}\n`;
  if (format === 'json') return (event) => `${JSON.stringify(documentOf(event))}\n`;
  const template = withExitCode(TEMPLATE_CODE, () => compileTemplate(format));
  return (event) => `${template(templateFields(event))}\n`;
}

/** docker's line. */
function lineOf({ type, action, id, attributes, timeUs }: EngineEvent): string {
  const pairs = Object.entries(attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
  const more = pairs.length === 0 ? '' : ` (${pairs.join(', ')})`;
  return `${localNanoTime(timeUs)} ${type} ${action} ${id}${more}`;
}

/** docker's message of its API, with the fields older clients look for. */
function documentOf(event: EngineEvent): Record<string, unknown> {
  const { type, action, id, attributes, timeUs } = event;
  const sorted = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...olderFields(event),
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: Object.fromEntries(sorted) },
    scope: 'local',
    time: Math.floor(timeUs / 1e6),
    timeNano: timeUs * 1000,
  };
}

function olderFields({ type, action, id, attributes }: EngineEvent): Record<string, string> {
  if (type === 'image') return { status: action, id };
  if (type !== 'container') return {};
  return { status: action, id, from: attributes['image'] ?? '' };
}

/** A template sees the fields of docker's type; `{{json .}}` its document. */
function templateFields(event: EngineEvent): Record<string, unknown> {
  const { status = '', id = '', from = '' } = olderFields(event);
  const { Type, Action, Actor, time, timeNano } = documentOf(event);
  const fields = { Status: status, ID: id, From: from, Type, Action, Actor, Scope: 'local' };
  const shown = { ...fields, Time: time, TimeNano: timeNano };
  return Object.defineProperty(shown, 'toJSON', { value: () => documentOf(event) });
}

import type { EngineEvent } from './engine-event.js';
import { type Filters, matchLabels } from './filters.js';

export const EVENT_FILTERS: readonly string[] = [
  ...['config', 'container', 'daemon', 'event', 'image', 'label', 'network', 'node', 'plugin'],
  ...['scope', 'secret', 'service', 'type', 'volume'],
];

/** Which are the name or the beginning of the id of an event's object (moby, daemon/events/filter.go). */
const BY_NAME = ['config', 'container', 'daemon', 'network', 'node', 'plugin'].concat([
  ...['secret', 'service', 'volume'],
]);

export function matchesEvent(event: EngineEvent, filters: Filters): boolean {
  const { type, action, id, attributes } = event;
  const any = (key: string, test: (value: string) => boolean): boolean =>
    filters.get(key)?.some(test) ?? true;
  const { name = '' } = attributes;
  return (
    any('event', (wanted) => action === wanted || action.split(':')[0] === wanted) &&
    any('type', (wanted) => type === wanted) &&
    any('scope', (wanted) => wanted === 'local') &&
    BY_NAME.every((key) =>
      any(key, (wanted) => id.startsWith(wanted) || name.startsWith(wanted)),
    ) &&
    any('image', (wanted) => isImage(event, wanted)) &&
    matchLabels(filters.get('label') ?? [], attributes)
  );
}

/** An image's own events, and those of its containers. */
function isImage({ type, id, attributes }: EngineEvent, wanted: string): boolean {
  const name = type === 'image' ? attributes['name'] : attributes['image'];
  return [id, name ?? ''].some((each) => each === wanted || withoutTag(each) === wanted);
}

function withoutTag(name: string): string {
  return name.replace(/:[^/:]*$/, '');
}

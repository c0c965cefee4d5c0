import type { Network } from '../../model/network.js';
import { BuildError } from '../../model/error.js';
import { isUsed } from '../../networks.js';
import type { Workshop } from '../../workshop.js';

export interface FilterTerm {
  readonly name: string;
  readonly value: string;
}

const KNOWN = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'];

/** `NAME=VALUE`. Throws BuildError `usage` in docker's words. */
export function parseFilters(
  values: readonly string[],
  known: readonly string[] = KNOWN,
): readonly FilterTerm[] {
  return values.map((text) => {
    const cut = text.replace('!=', '! ').indexOf(text.includes('!=') ? ' ' : '=');
    if (cut <= 0)
      throw new BuildError('usage', `invalid filter ${JSON.stringify(text)}`, {
        hint: 'write NAME=VALUE',
      });
    const name = text.slice(0, cut).trim().toLowerCase();
    const value = text.slice(cut + 1).trim();
    if (!known.includes(name))
      throw new BuildError('usage', `invalid filter '${name}'`, {
        hint: `known are ${known.join(', ')}`,
      });
    checkValue(name, value);
    return { name, value };
  });
}

function checkValue(name: string, value: string): void {
  if (name === 'type' && !/^(custom|builtin)$/.test(value))
    throw new BuildError('usage', `invalid filter: 'type'='${value}'`, {
      hint: 'type is custom or builtin',
    });
  if (name === 'dangling' && !/^(1|true|0|false)$/i.test(value))
    throw new BuildError(
      'usage',
      'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")',
    );
  if (name === 'until') untilOf(value, 0);
}

/** Of several terms of a name one must hold (of labels all), of different names all. */
export function matchesNetwork(
  network: Network,
  filters: readonly FilterTerm[],
  workshop: Workshop,
): boolean {
  const names = new Set(filters.map(({ name }) => name));
  return [...names].every((name) => {
    const values = filters.filter((each) => each.name === name).map(({ value }) => value);
    const holds = (value: string): boolean => matches(network, { name, value }, workshop);
    return name.startsWith('label') ? values.every(holds) : values.some(holds);
  });
}

function matches(network: Network, { name, value }: FilterTerm, workshop: Workshop): boolean {
  const custom = !['bridge', 'host', 'none'].includes(network.name);
  switch (name) {
    case 'driver':
      return network.driver === value;
    case 'id':
      return network.id.startsWith(value);
    case 'name':
      return network.name.includes(value);
    case 'scope':
      return value === 'local';
    case 'type':
      return value === (custom ? 'custom' : 'builtin');
    case 'dangling':
      return (custom && !isUsed(network, workshop)) === /^(1|true)$/i.test(value);
    case 'until':
      return Date.parse(network.created) < untilOf(value, workshop.now());
    case 'label!':
      return !hasLabel(network, value);
    default:
      return hasLabel(network, value);
  }
}

function hasLabel({ labels }: Network, text: string): boolean {
  const cut = text.indexOf('=');
  if (cut === -1) return labels[text] !== undefined;
  return labels[text.slice(0, cut)] === text.slice(cut + 1);
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/** A time, or how long ago: `10m`, `1h30m`. */
function untilOf(text: string, now: number): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([hms])/g)];
  if (parts.length > 0 && parts.map(([all]) => all).join('') === text)
    return now - parts.reduce((sum, [, n, unit]) => sum + Number(n) * (UNITS[unit ?? ''] ?? 0), 0);
  const time = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (!Number.isNaN(time)) return time;
  throw new BuildError(
    'usage',
    `failed to parse value as time or duration: ${JSON.stringify(text)}`,
    { hint: 'a time, or 24h' },
  );
}

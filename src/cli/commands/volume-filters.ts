import type { Volume } from '../../model/volume.js';
import { labelsOf } from '../../volumes.js';
import type { FilterTerm } from './network-filters.js';

/** Values of one name are alternatives but for labels, which must all be there. */
export function matchesVolume(
  volume: Volume,
  filters: readonly FilterTerm[],
  used: ReadonlySet<string>,
): boolean {
  const labels = labelsOf(volume);
  const has = (value: string): boolean => {
    const [name, wanted] = pairOf(value);
    return Object.hasOwn(labels, name) && (!value.includes('=') || labels[name] === wanted);
  };
  const names = filters.filter(({ name }) => name === 'name');
  return (
    (names.length === 0 || names.some(({ value }) => volume.name.includes(value))) &&
    filters.every(({ name, value }) => {
      if (name === 'label') return has(value);
      if (name === 'label!') return !has(value);
      if (name === 'driver') return value === 'local';
      if (name === 'dangling') return /^(1|t|true)$/i.test(value) !== used.has(volume.name);
      return true;
    })
  );
}

/** `NAME=VALUE`; without `=` the value is empty. */
export function pairOf(text: string): readonly [string, string] {
  const cut = text.indexOf('=');
  return cut === -1 ? [text, ''] : [text.slice(0, cut), text.slice(cut + 1)];
}

import type { DeviceRequest } from '../model/graph.js';
import { nearest } from '../model/nearest.js';
import { goBool } from '../model/units.js';
import { Problem } from './problem.js';
import { recordOf } from './record-of.js';

/** `--device=vendor.com/class=name[,required]` or `name=...,required=true` (CDI names). */
export function readDevice(text: string): DeviceRequest {
  let name: string | undefined;
  let required = false;
  for (const field of recordOf(text)) {
    const at = field.indexOf('=');
    const key = (at === -1 ? field : field.slice(0, at)).toLowerCase();
    const value = at === -1 ? 'true' : field.slice(at + 1);
    if (key === 'required') {
      const wanted = goBool(value);
      if (wanted === undefined) throw new Problem(`invalid value for ${key}: ${value}`);
      required = wanted;
    } else if (key === 'name' && at !== -1) {
      if (name !== undefined) throw new Problem(`device name already set to ${name}`);
      name = value;
    } else if (name === undefined) name = field;
    else throw unexpected(field, key, at === -1);
  }
  if (name === undefined || name === '')
    throw new Problem('--device needs a name', { hint: 'for example --device=vendor.com/class=0' });
  return { name, required };
}

function unexpected(field: string, key: string, bare: boolean): Problem {
  const near = nearest(key, ['name', 'required']);
  return new Problem(
    bare
      ? `invalid field '${field}' must be a key=value pair`
      : `unexpected key '${key}' in '${field}'`,
    near === undefined ? {} : { hint: `did you mean ${near}?` },
  );
}

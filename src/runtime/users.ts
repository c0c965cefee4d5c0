import { BuildError } from '../model/error.js';
import type { Identity } from '../model/process.js';

/** Texts of /etc/passwd and /etc/group of a root filesystem; '' where there is none. */
export interface UserFiles {
  readonly passwd: string;
  readonly group: string;
}

interface PasswdLine {
  readonly name: string;
  readonly id: number;
  readonly gid: number;
  readonly home: string;
}

/**
 * Who `user[:group]` is (the rules of moby/sys/user): a name's primary group and supplementary groups; an unknown
 * number is allowed, with group 0; an explicit group stands alone. A number is a number even where a line has it for a
 * name (CVE-2016-3697), and the primary group is always one of the supplementary ones (CVE-2022-36109). Throws
 * BuildError `not-found` on an unknown name, `usage` on what can be neither.
 */
export function resolveUser(files: UserFiles, spec: string): Identity & { readonly home: string } {
  const [user = '', group = '', ...more] = spec.split(':');
  if (more.length > 0) throw malformed('user', spec);
  const line = passwdLines(files.passwd).find(matcher('user', user === '' ? '0' : user));
  const uid = line?.id ?? numeric(user === '' ? '0' : user);
  if (uid === undefined) throw unknown('user', user, 'passwd');
  const home = line === undefined || line.home === '' ? '/' : line.home;
  if (group !== '') {
    const gid = resolveGroup(files, group);
    return { uid, gid, additionalGids: [gid], home };
  }
  const gid = line?.gid ?? 0;
  const groups = line === undefined ? [] : supplementary(files.group, line.name);
  return { uid, gid, additionalGids: [...new Set([gid, ...groups])], home };
}

/** A group by name or number. */
export function resolveGroup(files: UserFiles, group: string): number {
  const line = groupLines(files.group).find(matcher('group', group));
  const gid = line?.id ?? numeric(group);
  if (gid === undefined) throw unknown('group', group, 'group');
  return gid;
}

/** By number if the text is one, else by name; a number out of range is nobody. */
function matcher(
  kind: string,
  text: string,
): (line: { readonly name: string; readonly id: number }) => boolean {
  if (!/^\d+$/.test(text)) return ({ name }) => name === text;
  const wanted = numeric(text);
  if (wanted === undefined) throw malformed(kind, text);
  return ({ id }) => id === wanted;
}

/** A user or group id as text: 0 to 2^32 - 2, for the last one means "no change" to chown(2). */
function numeric(text: string): number | undefined {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  return value <= 0xfffffffe ? value : undefined;
}

function passwdLines(text: string): PasswdLine[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid, , home = ''] = line.split(':');
    const [u, g] = [numeric(uid ?? ''), numeric(gid ?? '')];
    return name === undefined || name === '' || u === undefined || g === undefined
      ? []
      : [{ name, id: u, gid: g, home }];
  });
}

function groupLines(text: string): { name: string; id: number; members: string[] }[] {
  return text.split('\n').flatMap((line) => {
    const [name, , gid, members = ''] = line.split(':');
    const g = numeric(gid ?? '');
    return name === undefined || name === '' || g === undefined
      ? []
      : [{ name, id: g, members: members.split(',') }];
  });
}

function supplementary(text: string, user: string): number[] {
  return groupLines(text)
    .filter(({ members }) => members.includes(user))
    .map(({ id }) => id);
}

function malformed(kind: string, text: string): BuildError {
  return new BuildError('usage', `invalid ${kind} ${JSON.stringify(text)}`, {
    hint: 'a name, or a number from 0 to 4294967294; user:group names both',
  });
}

function unknown(kind: string, name: string, file: string): BuildError {
  return new BuildError(
    'not-found',
    `unable to find ${kind} ${name}: no matching entries in ${file} file`,
    {
      hint: `create it before this step, or use a number`,
    },
  );
}

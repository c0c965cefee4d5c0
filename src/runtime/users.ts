import { BuildError } from '../model/error.js';
import type { Identity } from '../model/process.js';

/** Texts of /etc/passwd and /etc/group of a root filesystem; '' where there is none. */
export interface UserFiles {
  readonly passwd: string;
  readonly group: string;
}

interface PasswdLine {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/**
 * Who `user[:group]` is (BuildKit's and runc's rules): a name's primary group and supplementary groups; an unknown
 * number is allowed, with group 0; an explicit group stands alone. Throws BuildError `not-found` on an unknown name.
 */
export function resolveUser(files: UserFiles, spec: string): Identity & { readonly home: string } {
  const [user = '', group] = spec.split(':');
  const users = passwdLines(files.passwd);
  const known =
    users.find((line) => line.name === user) ?? users.find((line) => String(line.uid) === user);
  const wanted = user === '' ? 0 : numeric(user);
  const line = user === '' ? users.find(({ uid }) => uid === 0) : known;
  const uid = line?.uid ?? wanted;
  if (uid === undefined) throw unknown('user', user, 'passwd');
  const home = line?.home ?? '/';
  if (group !== undefined && group !== '') {
    return { uid, gid: resolveGroup(files, group), additionalGids: [], home };
  }
  const additionalGids = line === undefined ? [] : supplementary(files.group, line.name);
  return { uid, gid: line?.gid ?? 0, additionalGids, home: home === '' ? '/' : home };
}

/** A group by name or number. */
export function resolveGroup(files: UserFiles, group: string): number {
  const line = groupLines(files.group).find(({ name }) => name === group);
  const gid = line?.gid ?? numeric(group);
  if (gid === undefined) throw unknown('group', group, 'group');
  return gid;
}

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
      : [{ name, uid: u, gid: g, home }];
  });
}

function groupLines(text: string): { name: string; gid: number; members: string[] }[] {
  return text.split('\n').flatMap((line) => {
    const [name, , gid, members = ''] = line.split(':');
    const g = numeric(gid ?? '');
    return name === undefined || name === '' || g === undefined
      ? []
      : [{ name, gid: g, members: members.split(',') }];
  });
}

function supplementary(text: string, user: string): number[] {
  return groupLines(text)
    .filter(({ members }) => members.includes(user))
    .map(({ gid }) => gid);
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

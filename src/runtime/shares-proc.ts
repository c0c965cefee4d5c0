import { privileges } from '../sys/privileges.js';
import { mountsProc, type RuntimeOptions } from './prepare.js';

/** In a user namespace inside a container that masks parts of /proc nobody can mount a /proc: its own is shared. */
export function sharesProc({ privateMounts }: Pick<RuntimeOptions, 'privateMounts'>): boolean {
  return privateMounts && privileges().userNamespace && !mountsProc();
}

import type { RunSettings } from '../../model/run-settings.js';
import type { CommandContext } from '../command.js';
import type { FlagSpec } from '../flags.js';
import { hostsOf } from './hosts.js';
import { resourcesOf, RESOURCE_FLAGS } from './resources.js';
import { secretsOf } from './secrets.js';
import { sshOf } from './ssh.js';
import { allowOf } from './allow.js';
import { bytesOf, ulimitsOf } from './ulimits.js';

/** Flags of `build` that say how RUN runs. */
export const RUN_FLAGS: readonly FlagSpec[] = [
  { name: 'add-host', kind: 'list', value: 'NAME:IP', help: 'Add a line to /etc/hosts of RUN' },
  {
    name: 'allow',
    kind: 'list',
    value: 'ENTITLEMENT',
    help: 'Allow RUN network.host, security.insecure or device[=NAME]',
  },
  {
    name: 'cache-mount-rollback',
    kind: 'list',
    value: 'all|ID',
    help: 'Take back what a failed RUN wrote to cache mounts',
  },
  { name: 'cgroup-parent', kind: 'text', value: 'CGROUP', help: 'Parent cgroup of RUN' },
  {
    name: 'secret',
    kind: 'list',
    value: 'id=ID[,src=FILE|,env=NAME]',
    help: 'A secret for RUN --mount=type=secret',
  },
  { name: 'shm-size', kind: 'text', value: 'SIZE', help: 'Size of /dev/shm of RUN' },
  {
    name: 'ssh',
    kind: 'list',
    value: 'default|ID[=SOCKET|KEY[,KEY]]',
    help: 'An SSH agent, or keys, for RUN --mount=type=ssh',
  },
  { name: 'ulimit', kind: 'list', value: 'NAME=SOFT[:HARD]', help: 'Limits of RUN' },
  ...RESOURCE_FLAGS,
];

/** What was given, checked. Throws BuildError `usage`. */
export function runSettings({ flags, env }: CommandContext): RunSettings {
  const [addHosts, allow, ulimits] = [
    hostsOf(flags.list('add-host')),
    allowOf(flags.list('allow')),
    ulimitsOf(flags.list('ulimit')),
  ];
  const [secrets, ssh] = [secretsOf(flags.list('secret'), env), sshOf(flags.list('ssh'), env)];
  const [shm, cgroupParent] = [flags.text('shm-size'), flags.text('cgroup-parent')];
  const resources = resourcesOf(flags);
  const cacheMountRollback = flags.list('cache-mount-rollback');
  return {
    ...(addHosts.length === 0 ? {} : { addHosts }),
    ...(allow.length === 0 ? {} : { allow }),
    ...(ulimits.length === 0 ? {} : { ulimits }),
    ...(secrets.length === 0 ? {} : { secrets }),
    ...(ssh.length === 0 ? {} : { ssh }),
    ...(shm === undefined ? {} : { shmSize: bytesOf('--shm-size', shm) }),
    ...(cgroupParent === undefined || cgroupParent === '' ? {} : { cgroupParent }),
    ...(cacheMountRollback.length === 0 ? {} : { cacheMountRollback }),
    ...(Object.keys(resources).length === 0 ? {} : { resources }),
  };
}

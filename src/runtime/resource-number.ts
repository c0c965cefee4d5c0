/** RLIMIT_* of resource.h by docker's name of it, in the order of their numbers. */
const RESOURCES = 'cpu fsize data stack core rss nproc nofile memlock as locks sigpending'
  .concat(' msgqueue nice rtprio rttime')
  .split(' ');

export function resourceNumber(name: string): number {
  const number = RESOURCES.indexOf(name);
  if (number === -1) throw new Error(`no resource ${name}`);
  return number;
}

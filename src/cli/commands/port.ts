import { type ContainerPort, containerPorts } from '../../network-settings.js';
import { BuildError } from '../../model/error.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { wrongCount } from './images.js';
import { hostAddress } from '../format/displayed-ports.js';

export const portCommand: Command = {
  names: ['port', 'container port'],
  usage: 'CONTAINER [PRIVATE_PORT[/PROTO]]',
  summary: 'List port mappings or a specific mapping for the container',
  flags: [],
  run: async (context) => {
    const { flags, env, stdout } = context;
    const usage = 'stave port CONTAINER [PRIVATE_PORT[/PROTO]]';
    const [name, port, ...more] = flags.rest;
    if (name === undefined || more.length > 0)
      throw wrongCount(context, 'at least 1 and at most 2 arguments', usage);
    await using workshop = openWorkshop(undefined, env);
    const published = containerPorts(workshop.containers.find(name), workshop).filter(isPublished);
    const lines = port === undefined ? published.map(line) : placesOf(port, name, published);
    if (lines.length > 0) say(stdout, `${lines.sort(natural).join('\n')}\n`);
    return 0;
  },
};

type Published = Required<ContainerPort>;

function isPublished(port: ContainerPort): port is Published {
  return port.hostIp !== undefined;
}

function line(published: Published): string {
  return `${published.port} -> ${place(published)}`;
}

function place({ hostIp, hostPort }: Published): string {
  return hostAddress(hostIp, String(hostPort));
}

function placesOf(text: string, name: string, published: readonly Published[]): string[] {
  if (!/^\d{1,5}(\/[a-z]+)?$/.test(text))
    throw new BuildError('usage', `invalid port (${text}): invalid syntax`, {
      hint: 'write 80 or 80/tcp',
    });
  const wanted = text.includes('/') ? text : `${text}/tcp`;
  const found = published.filter(({ port }) => port === wanted);
  if (found.length > 0) return found.map(place);
  throw new BuildError('not-found', `no public port '${text}' published for ${name}`, {
    hint: `stave port ${name} lists them`,
  });
}

/** Go's sortorder.NaturalLess: numbers by value, the rest by code point (0.0.0.0 before [::]). */
function natural(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.match(/\d+|\D/g) ?? []);
  for (const [i, one] of (left ?? []).entries()) {
    const other = right?.[i] ?? '';
    const byValue = /\d/.test(one) && /\d/.test(other) ? Number(one) - Number(other) : 0;
    if (byValue !== 0) return byValue;
    if (one !== other) return one < other ? -1 : 1;
  }
  return a.length - b.length;
}

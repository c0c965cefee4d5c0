/** A member of an archive that no sane tool would write. */
export interface Member {
  readonly name: string | Buffer;
  /** Type flag of ustar; '0' is a file. */
  readonly type?: string;
  readonly link?: string;
  readonly body?: string | Buffer;
  readonly mode?: number;
  readonly uid?: number | Buffer;
  readonly device?: readonly [number, number];
  /** Claimed; default: the body's. */
  readonly size?: number;
}

export const file = (name: string | Buffer, body = 'own'): Member => ({ name, body });
export const dir = (name: string): Member => ({ name, type: '5', mode: 0o755 });
export const link = (name: string, to: string): Member => ({ name, type: '2', link: to });
export const hard = (name: string, to: string): Member => ({ name, type: '1', link: to });
export const pax = (records: Record<string, string>): Member => {
  const line = (key: string, value: string): string => {
    const rest = ` ${key}=${value}\n`;
    let length = rest.length + 1;
    while (String(length).length + rest.length !== length)
      length = String(length).length + rest.length;
    return `${String(length)}${rest}`;
  };
  const body = Object.entries(records).map(([key, value]) => line(key, value));
  return { name: 'pax', type: 'x', body: Buffer.from(body.join(''), 'latin1') };
};

export function oddTar(members: readonly Member[]): Buffer {
  return Buffer.concat([...members.flatMap(memberBlocks), Buffer.alloc(1024)]);
}

/** By hand: our own encoder would refuse to write most of these. */
export function memberBlocks({
  name,
  type = '0',
  link: to = '',
  body = '',
  mode = 0o644,
  uid = 0,
  device,
  size,
}: Member): Buffer[] {
  const content = Buffer.from(body);
  const head = Buffer.alloc(512);
  Buffer.from(name).copy(head, 0, 0, 100);
  head.write(mode.toString(8).padStart(7, '0'), 100);
  if (typeof uid === 'number') head.write(uid.toString(8).padStart(7, '0'), 108);
  else uid.copy(head, 108);
  head.write('0000000', 116);
  head.write((size ?? content.length).toString(8).padStart(11, '0'), 124);
  head.write('00000000000', 136);
  head.write('        ', 148);
  head.write(type, 156);
  Buffer.from(to).copy(head, 157, 0, 100);
  head.write('ustar\x0000', 257);
  if (device !== undefined) {
    head.write(device[0].toString(8).padStart(7, '0'), 329);
    head.write(device[1].toString(8).padStart(7, '0'), 337);
  }
  head.write(
    head
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0') + '\0 ',
    148,
  );
  return [head, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
}

/**
 * PAX records (POSIX pax, "pax Extended Header"), transparent for bytes: keys and values are latin1 strings, a character
 * a byte. tar-stream's own codec goes through UTF-8 and would break capabilities and non-UTF-8 names.
 */
export type PaxRecords = Readonly<Record<string, string>>;

/** Records in sorted order, so that the same entry is the same bytes. */
export function encodePax(records: PaxRecords): Buffer {
  const lines = Object.keys(records)
    .sort()
    .map((key) => line(`${key}=${records[key] ?? ''}\n`));
  return Buffer.from(lines.join(''), 'latin1');
}

/** `<length> <record>`, where the length counts its own digits. */
function line(record: string): string {
  let length = record.length + 2;
  while (String(length).length + 1 + record.length !== length) {
    length = String(length).length + 1 + record.length;
  }
  return `${String(length)} ${record}`;
}

/** Throws Error on a record whose length lies. */
export function decodePax(bytes: Uint8Array): Record<string, string> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const records: Record<string, string> = Object.create(null) as Record<string, string>;
  for (let at = 0; at < text.length && text[at] !== '\0';) {
    const space = text.indexOf(' ', at);
    const length = Number(text.slice(at, space));
    const end = at + length;
    const equals = text.indexOf('=', space);
    if (space === -1 || !(length > 0) || end > text.length || equals === -1 || equals > end) {
      throw new Error('malformed pax header');
    }
    records[text.slice(space + 1, equals)] = text.slice(equals + 1, end - 1);
    at = end;
  }
  return records;
}

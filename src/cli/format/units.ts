const SIZES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];

/** Decimal size with three significant digits: `0B`, `12.3MB`, `1.2GB` (docker/go-units HumanSizeWithPrecision 3). */
export function humanSize(bytes: number): string {
  return decimalSize(bytes, 3);
}

/** The same with four digits: `1.985MB` (docker/go-units HumanSize). */
export function humanSize4(bytes: number): string {
  return decimalSize(bytes, 4);
}

function decimalSize(bytes: number, digits: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < SIZES.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${String(Number(value.toPrecision(digits)))}${SIZES[unit] ?? ''}`;
}

const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** Binary size with four significant digits: `504KiB`, `23.54GiB` (docker/go-units BytesSize). */
export function binarySize(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < BINARY.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${String(Number(value.toPrecision(4)))}${BINARY[unit] ?? ''}`;
}

/** `About an hour`, `5 seconds`, `2 weeks` (docker/go-units HumanDuration). */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${String(seconds)} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${String(minutes)} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${String(hours)} hours`;
  const days = Math.floor(hours / 24);
  if (days < 14) return `${String(days)} days`;
  if (days < 60) return `${String(Math.floor(days / 7))} weeks`;
  if (days < 730) return `${String(Math.floor(days / 30))} months`;
  return `${String(Math.floor(ms / 3_600_000 / 24 / 365))} years`;
}

/** `5 seconds ago`, or `N/A` for a time that is not known. */
export function since(rfc3339: string | undefined, now: number): string {
  const time = Date.parse(rfc3339 ?? '');
  if (Number.isNaN(time) || time <= 0) return 'N/A';
  return `${humanDuration(now - time)} ago`;
}

/** Go's time.String() to the second, in UTC: docker's CreatedAt. */
export function goTime(rfc3339: string | undefined): string {
  const time = Date.parse(rfc3339 ?? '');
  if (Number.isNaN(time)) return 'N/A';
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`;
}

/** RFC 3339 to the second. */
export function wholeSeconds(rfc3339: string | undefined): string {
  const time = Date.parse(rfc3339 ?? '');
  return Number.isNaN(time) ? '' : `${new Date(time).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with nine digits in the zone of this machine, as Go's RFC3339NanoFixed: `2026-01-02T15:04:05.000000000Z`. */
export function localNanoTime(timeUs: number): string {
  const date = new Date(Math.floor(timeUs / 1000));
  const zone = -date.getTimezoneOffset();
  const shown = new Date(date.getTime() + zone * 60_000).toISOString().slice(0, 19);
  const fraction = String(timeUs % 1_000_000).padStart(6, '0');
  return `${shown}.${fraction}000${zoneText(zone)}`;
}

function zoneText(minutes: number): string {
  if (minutes === 0) return 'Z';
  const two = (value: number): string => String(value).padStart(2, '0');
  const away = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(away / 60))}:${two(away % 60)}`;
}

/** A table as docker prints it, cut into its cells; undefined for what is none. */
export function parseTable(lines: readonly string[]): string[][] | undefined {
  const [header = ''] = lines;
  if (!/^[A-Z]+( [A-Z]+)*( {2,}[A-Z][A-Z /%]*)+ *$/.test(header)) return undefined;
  const starts = [...header.matchAll(/\S+(?: \S+)*/g)].map(({ index }) => index);
  return lines.map((line) => starts.map((start, i) => line.slice(start, starts[i + 1]).trimEnd()));
}

/** Columns as wide as their widest cell and three more, at least ten: Go's tabwriter as docker sets it. */
export function printTable(rows: readonly (readonly string[])[]): string[] {
  const [header = []] = rows;
  const widths = header.map((_, i) =>
    Math.max(10, ...rows.map((row) => (row[i] ?? '').length + 3)),
  );
  return rows.map((row) => {
    const last = row.length - 1;
    return row.map((cell, i) => (i === last ? cell : cell.padEnd(widths[i] ?? 0))).join('');
  });
}

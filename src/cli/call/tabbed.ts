/** Columns as wide as their widest cell and `gap` blanks, as Go's tabwriter makes them. */
export function tabbed(rows: readonly (readonly string[])[], gap: number): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries())
      widths[i] = Math.max(widths[i] ?? 0, Array.from(cell).length + gap);
  }
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - Array.from(cell).length)).join('');
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('');
}

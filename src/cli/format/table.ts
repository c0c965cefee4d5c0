const [NARROWEST, GAP] = [10, 3];

/** Columns padded to their widest cell and parted by three blanks, as docker's tabwriter does; none under `narrowest` wide. */
export function table(rows: readonly (readonly string[])[], narrowest = NARROWEST): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries())
      widths[i] = Math.max(widths[i] ?? narrowest, charactersOf(cell) + GAP);
  }
  const lines = rows.map((row) =>
    row
      .map((cell, i) =>
        i === row.length - 1 ? cell : cell + ' '.repeat((widths[i] ?? 0) - charactersOf(cell)),
      )
      .join(''),
  );
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

function charactersOf(cell: string): number {
  return Array.from(cell).length;
}

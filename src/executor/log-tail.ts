const MAX_LINES = 10;
const MAX_BYTES = 16 << 10;

/** The last lines a step wrote: what an error shows of it. */
export class LogTail {
  #text = '';

  add(data: Uint8Array): void {
    this.#text = (this.#text + Buffer.from(data).toString()).slice(-MAX_BYTES);
  }

  lines(): string[] {
    return this.#text
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '')
      .slice(-MAX_LINES);
  }
}

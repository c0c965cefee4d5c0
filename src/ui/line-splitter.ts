/** Splits chunks into whole lines; an incomplete last line waits for its rest. */
export class LineSplitter {
  #rest = '';
  readonly #decoder = new TextDecoder();

  push(data: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(data, { stream: true })).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines;
  }

  end(): string[] {
    const rest = this.#rest;
    this.#rest = '';
    return rest === '' ? [] : [rest];
  }
}

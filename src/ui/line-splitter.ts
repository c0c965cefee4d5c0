/** Splits chunks into whole lines; an incomplete last line waits for its rest. */
export class LineSplitter {
  /** Pieces of the incomplete line, joined once: a line of many chunks costs no more than its length. */
  #rest: string[] = [];
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  push(data: Uint8Array): string[] {
    const [first = '', ...lines] = this.#decoder.decode(data, { stream: true }).split('\n');
    this.#rest.push(first);
    const last = lines.pop();
    if (last === undefined) return [];
    const whole = this.#rest.join('');
    this.#rest = [last];
    return [whole, ...lines];
  }

  end(): string[] {
    const rest = this.#rest.join('') + this.#decoder.decode();
    this.#rest = [];
    return rest === '' ? [] : [rest];
  }
}

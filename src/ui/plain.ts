import type { Digest } from '../model/digest.js';
import { unreachable } from '../model/error.js';
import { type BuildEvent, describeWhy, type WarningEvent } from '../model/events.js';
import { escapeControls, lastOfRewritten, oneLine } from './escape.js';
import { LineSplitter } from './line-splitter.js';
import { hintOf, warningLines } from './warnings.js';

interface Step {
  readonly number: number;
  readonly name: string;
  readonly lines: LineSplitter;
  started?: number;
  ended?: boolean;
}

/** The event fold behind `--progress=plain`: BuildKit's lines (`#5 [2/4] RUN ...`, `#5 0.123 text`, `#5 DONE 0.1s`). */
export class PlainPrinter {
  readonly #write: (text: string) => void;
  readonly #numbers: ReadonlyMap<Digest, number>;
  readonly #steps = new Map<Digest, Step>();
  readonly #waiting = new Map<Digest, string>();
  readonly #warnings: WarningEvent[] = [];
  #last: Step | undefined;

  /** `numbers`: of steps that have one already; by default they are counted. */
  constructor(write: (text: string) => void, numbers: ReadonlyMap<Digest, number> = new Map()) {
    this.#write = write;
    this.#numbers = numbers;
  }

  print(event: BuildEvent): void {
    switch (event.type) {
      case 'vertex-queued':
        this.#waiting.set(event.vertex, event.name);
        return;
      case 'vertex-started': {
        const step = this.#step(event.vertex);
        step.started = event.time;
        this.#line(
          step,
          event.why === undefined ? undefined : `why: ${oneLine(describeWhy(event.why))}`,
        );
        return;
      }
      case 'vertex-cached':
        this.#end(
          this.#step(event.vertex),
          event.by === 'content' ? 'CACHED (same result)' : 'CACHED',
        );
        return;
      case 'log':
        this.#log(event.vertex, event.data, event.time);
        return;
      case 'vertex-completed':
        this.#finish(event.vertex, event.time, (seconds) => `DONE ${seconds}s`);
        return;
      case 'vertex-failed':
        this.#finish(event.vertex, event.time, () => `ERROR: ${escapeControls(event.error)}`);
        return;
      case 'vertex-cancelled':
        this.#finish(event.vertex, event.time, () => 'CANCELED');
        return;
      case 'status':
        if (event.completed !== undefined)
          this.#line(this.#step(event.vertex), `${oneLine(event.name)} done`);
        return;
      case 'warning':
        this.#warning(event);
        return;
      default:
        unreachable(event);
    }
  }

  /** After the last event. */
  end(): void {
    const [blank = '', ...lines] = warningLines(this.#warnings);
    if (lines.length === 0) return;
    // After the end of a step there is a blank line already.
    if (this.#last !== undefined) this.#write(`${blank}\n`);
    for (const line of lines) this.#write(`${line}\n`);
  }

  /** A step gets its number when there is something to say of it. */
  #step(vertex: Digest): Step {
    const known = this.#steps.get(vertex);
    if (known !== undefined) return known;
    const name = this.#waiting.get(vertex) ?? vertex;
    const number = this.#numbers.get(vertex) ?? this.#steps.size + 1;
    const step: Step = { number, name, lines: new LineSplitter() };
    this.#steps.set(vertex, step);
    this.#show(step);
    return step;
  }

  /** Titles the step the following lines are of; an unfinished one before it is left with `...`. */
  #show(step: Step): void {
    if (this.#last === step) return;
    if (this.#last !== undefined)
      this.#write(this.#last.ended === true ? '\n' : `#${String(this.#last.number)} ...\n\n`);
    this.#last = step;
    this.#write(`#${String(step.number)} ${oneLine(step.name)}\n`);
  }

  /** At once, under the step it is of, and again at the end, where it is not lost among output. */
  #warning(event: WarningEvent): void {
    this.#warnings.push(event);
    const step = event.vertex === undefined ? undefined : this.#steps.get(event.vertex);
    if (step === undefined) return;
    for (const line of [`WARN: ${event.message}`, ...hintOf(event)])
      this.#line(step, oneLine(line));
  }

  #line(step: Step, text: string | undefined): void {
    this.#show(step);
    if (text !== undefined) this.#write(`#${String(step.number)} ${text}\n`);
  }

  #log(vertex: Digest, data: Uint8Array, time: number): void {
    const step = this.#step(vertex);
    for (const line of step.lines.push(data)) this.#logLine(step, line, time);
  }

  #logLine(step: Step, line: string, time: number): void {
    const seconds = (time - (step.started ?? time)) / 1000;
    this.#line(step, `${stamp(seconds)} ${escapeControls(lastOfRewritten(line))}`);
  }

  #finish(vertex: Digest, time: number, text: (seconds: string) => string): void {
    const step = this.#step(vertex);
    for (const line of step.lines.end()) this.#logLine(step, line, time);
    const seconds = ((time - (step.started ?? time)) / 1000).toFixed(1);
    this.#end(step, text(seconds));
  }

  #end(step: Step, text: string): void {
    this.#line(step, text);
    this.#write('\n');
    step.ended = true;
    this.#last = undefined;
  }
}

/** BuildKit's five characters: `0.123`, `12.34`, `123.4`, `1234.`. */
function stamp(seconds: number): string {
  if (seconds >= 10_000) return seconds.toFixed(0);
  const digits = seconds < 1 ? seconds.toFixed(4) : seconds.toPrecision(4);
  return digits.slice(0, 5).padEnd(5, '.');
}

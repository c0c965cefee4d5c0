import type { Digest } from './digest.js';
import type { BuildEvent } from './events.js';

/** An event as it is kept: steps by number, in the order they were announced; of a log only how long it is. */
export type StoredEvent = Readonly<Record<string, unknown>> & { readonly type: BuildEvent['type'] };

/** Makes events small: a step's digest is written once. */
export class EventEncoder {
  readonly #numbers = new Map<Digest, number>();

  encode(event: BuildEvent): StoredEvent {
    if (event.type === 'vertex-queued') {
      const vertex = this.#numbers.get(event.vertex) ?? this.#numbers.size;
      this.#numbers.set(event.vertex, vertex);
      const inputs = event.inputs.map((input) => this.#numbers.get(input) ?? input);
      return { ...event, vertex, digest: event.vertex, inputs };
    }
    if (event.vertex === undefined) return { ...event };
    const vertex = this.#numbers.get(event.vertex) ?? event.vertex;
    if (event.type !== 'log') return { ...event, vertex };
    const { type, stream, time, data } = event;
    return { type, vertex, stream, time, bytes: data.length };
  }
}

/** The inverse: what it is given was written by an encoder, in that order. */
export class EventDecoder {
  readonly #digests: Digest[] = [];

  /** `read` gives the next so many bytes of the log. */
  decode(stored: StoredEvent, read: (bytes: number) => Uint8Array): BuildEvent {
    const { digest, inputs, bytes, ...event } = stored;
    if (event.type === 'vertex-queued') {
      this.#digests[Number(event['vertex'])] = digest as Digest;
      const named = (inputs as (number | Digest)[]).map((input) => this.#named(input));
      return { ...event, vertex: digest, inputs: named } as unknown as BuildEvent;
    }
    const vertex = event['vertex'];
    const named = vertex === undefined ? {} : { vertex: this.#named(vertex as number | Digest) };
    const data = event.type === 'log' ? { data: read(Number(bytes)) } : {};
    return { ...event, ...named, ...data } as unknown as BuildEvent;
  }

  #named(vertex: number | Digest): Digest {
    const known = typeof vertex === 'number' ? this.#digests[vertex] : vertex;
    if (known === undefined) throw new Error('an event of a step that was not announced');
    return known;
  }
}

/** Logs of one step, stream and moment are one. */
export function follows(before: StoredEvent | undefined, log: StoredEvent): boolean {
  return (
    before?.type === 'log' &&
    before['vertex'] === log['vertex'] &&
    before['stream'] === log['stream'] &&
    before['time'] === log['time']
  );
}

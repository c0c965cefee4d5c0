import { unreachable } from '../model/error.js';
import { type BuildEvent, describeWhy } from '../model/events.js';
import type { Digest } from '../model/digest.js';
import { hintOf } from './warnings.js';

interface Known {
  readonly name: string;
  readonly inputs: readonly Digest[];
  started?: string;
}

/** Events as BuildKit's SolveStatus JSON, a line each (moby/buildkit, client/graph.go), plus our `why`. */
export class RawJson {
  readonly #known = new Map<Digest, Known>();

  /** The line for one event, with its newline. */
  line(event: BuildEvent): string {
    return `${JSON.stringify(this.#status(event))}\n`;
  }

  #status(event: BuildEvent): object {
    switch (event.type) {
      case 'vertex-queued':
        this.#known.set(event.vertex, { name: event.name, inputs: event.inputs });
        return this.#vertex(event.vertex, {});
      case 'vertex-started': {
        const known = this.#known.get(event.vertex);
        if (known !== undefined) known.started = iso(event.time);
        return this.#vertex(
          event.vertex,
          event.why === undefined ? {} : { why: { ...event.why, text: describeWhy(event.why) } },
        );
      }
      case 'vertex-cached':
        return this.#vertex(event.vertex, {
          started: iso(event.time),
          completed: iso(event.time),
          cached: true,
          by: event.by,
        });
      case 'vertex-completed':
        return this.#vertex(event.vertex, { completed: iso(event.time) });
      case 'vertex-failed':
        return this.#vertex(event.vertex, { completed: iso(event.time), error: event.error });
      case 'vertex-cancelled':
        return this.#vertex(event.vertex, {
          completed: iso(event.time),
          error: 'context canceled',
        });
      case 'status':
        return statusLine(event);
      case 'log':
        return logLine(event);
      case 'warning':
        return warningLine(event);
      default:
        return unreachable(event);
    }
  }

  #vertex(digest: Digest, more: object): object {
    const { name = digest, inputs = [], started } = this.#known.get(digest) ?? {};
    return {
      vertexes: [{ digest, inputs, name, ...(started === undefined ? {} : { started }), ...more }],
    };
  }
}

type Of<Type extends BuildEvent['type']> = Extract<BuildEvent, { type: Type }>;

function statusLine(event: Of<'status'>): object {
  const { vertex, id, name, current, total, time, started, completed } = event;
  const times = {
    timestamp: iso(time),
    ...(started === undefined ? {} : { started: iso(started) }),
    ...(completed === undefined ? {} : { completed: iso(completed) }),
  };
  return { statuses: [{ id, vertex, name, current: current ?? 0, total, ...times }] };
}

function logLine({ vertex, stream, data, time }: Of<'log'>): object {
  const text = Buffer.from(data).toString('base64');
  const number = stream === 'stdout' ? 1 : 2;
  return { logs: [{ vertex, stream: number, data: text, timestamp: iso(time) }] };
}

function warningLine(event: Of<'warning'>): object {
  const { vertex, message, url, range, source } = event;
  // SolveStatus has no place of its own for a hint.
  const detail = [...(event.detail ?? []), ...hintOf(event)].map(base64);
  const lines =
    range === undefined
      ? {}
      : { range: [{ start: { line: range.startLine }, end: { line: range.endLine } }] };
  const info =
    range === undefined || source === undefined
      ? {}
      : { sourceInfo: { filename: range.file, data: base64(source), language: 'Dockerfile' } };
  const about = { short: base64(message), detail: detail.length === 0 ? undefined : detail, url };
  return { warnings: [{ vertex, level: 1, ...about, ...info, ...lines }] };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

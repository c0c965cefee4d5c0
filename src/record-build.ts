import { hiddenValues, withoutValues } from './build-facts.js';
import type { BuildJournal } from './cache/build-journal.js';
import type { BuildOptions, BuildResult } from './model/build-options.js';
import type { BuildEnd, BuildFacts, BuildFailure, Material } from './model/build-record.js';
import { type BuildStep, BuildSteps, countSteps } from './model/build-steps.js';
import { BuildError } from './model/error.js';
import type { BuildEvent } from './model/events.js';
import { redactUrls } from './model/redact-urls.js';
import { steadyTime } from './model/steady-time.js';
import { EventEncoder, follows, type StoredEvent } from './model/stored-event.js';
import type { Workshop } from './workshop.js';

/** Writes the record of a build while it runs. Whatever comes of it, the build goes on. */
export interface BuildRecorder {
  /** It is known what is built: from now on there is a record. */
  readonly begin: (facts: BuildFacts, source: readonly string[]) => void;
  readonly event: (event: BuildEvent) => void;
  readonly material: (material: Material) => void;
  readonly facts: () => BuildFacts | undefined;
  /** What became of them so far. */
  readonly steps: () => readonly BuildStep[];
  readonly completed: (result: Omit<BuildResult, 'warnings'>) => void;
  /** `canceled`: somebody stopped it, for whatever reason. */
  readonly failed: (error: unknown, canceled: boolean) => void;
}

/** A build that is over before this and runs no step is written at once, at its end. */
const SOON_MS = 250;
/** What a kill may cost of a log; and how much of it is held in memory. */
const [FLUSH_MS, FLUSH_BYTES] = [100, 256 << 10];

export function recordBuild(
  options: BuildOptions,
  workshop: Workshop,
  emit: (event: BuildEvent) => void,
): BuildRecorder {
  return new Recorder(hiddenValues(options), workshop, emit);
}

class Recorder implements BuildRecorder {
  readonly #hidden: readonly string[];
  readonly #workshop: Workshop;
  readonly #warn: (event: BuildEvent) => void;
  readonly #encoder = new EventEncoder();
  readonly #steps = new BuildSteps();
  #facts: BuildFacts | undefined;
  #source: readonly string[] = [];
  #events: StoredEvent[] = [];
  #materials: Material[] = [];
  readonly #known = new Set<string>();
  #log: Uint8Array[] = [];
  #logBytes = 0;
  #journal: BuildJournal | undefined;
  #soon: NodeJS.Timeout | undefined;
  #flushing: NodeJS.Timeout | undefined;
  #over = false;

  constructor(hidden: readonly string[], workshop: Workshop, warn: (event: BuildEvent) => void) {
    this.#hidden = hidden;
    this.#workshop = workshop;
    this.#warn = warn;
  }

  begin(facts: BuildFacts, source: readonly string[]): void {
    this.#facts = this.#clean(facts);
    this.#source = source;
    this.#soon = setTimeout(() => {
      this.#safely(() => {
        this.#flush({});
      });
    }, SOON_MS).unref();
  }

  event(event: BuildEvent): void {
    this.#steps.add(event);
    if (this.#over) return;
    this.#keep(event);
    const runs = event.type === 'vertex-started' && event.why !== undefined;
    if (this.#facts === undefined) return;
    if (runs || this.#logBytes > FLUSH_BYTES)
      this.#safely(() => {
        this.#flush({});
      });
    else if (this.#journal !== undefined) this.#flushLater();
  }

  material(material: Material): void {
    if (this.#known.has(material.uri)) return;
    this.#known.add(material.uri);
    this.#materials.push(this.#clean(material));
  }

  readonly facts = (): BuildFacts | undefined => this.#facts;
  readonly steps = (): readonly BuildStep[] => this.#steps.list();

  completed({ imageId, manifest, names }: Omit<BuildResult, 'warnings'>): void {
    this.#end({ status: 'completed', result: { imageId, manifest, names } });
  }

  failed(error: unknown, canceled: boolean): void {
    const status = canceled ? 'canceled' : 'failed';
    this.#end({ status, error: failureOf(error, this.#source) });
  }

  #keep(event: BuildEvent): void {
    const encoded = this.#encoder.encode(event);
    if (event.type === 'log') {
      this.#log.push(event.data);
      this.#logBytes += event.data.length;
      const last = this.#events.at(-1);
      if (last !== undefined && follows(last, encoded)) {
        const bytes = Number(last['bytes']) + event.data.length;
        this.#events[this.#events.length - 1] = { ...last, bytes };
        return;
      }
    }
    this.#events.push(this.#clean(encoded));
  }

  #clean<T>(value: T): T {
    if (this.#hidden.length === 0) return value;
    return JSON.parse(withoutValues(JSON.stringify(value), this.#hidden)) as T; // Texts alone are other.
  }

  #flushLater(): void {
    this.#flushing ??= setTimeout(() => {
      this.#safely(() => {
        this.#flush({});
      });
    }, FLUSH_MS).unref();
  }

  /** Writes what there is; the first time also what the build is. */
  #flush(last: { readonly end?: BuildEnd }): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    const begun = this.#journal !== undefined;
    const journal = (this.#journal ??= this.#open());
    const [events, log] = [this.#events, Buffer.concat(this.#log)];
    [this.#events, this.#log, this.#logBytes] = [[], [], 0];
    const build = begun || this.#facts === undefined ? {} : { build: this.#facts };
    journal.add({ ...build, events, ...this.#newMaterials(), ...last }, log);
  }

  #newMaterials(): { readonly materials?: readonly Material[] } {
    const materials = this.#materials;
    this.#materials = [];
    return materials.length === 0 ? {} : { materials };
  }

  #open(): BuildJournal {
    clearTimeout(this.#soon);
    const { store, now } = this.#workshop;
    store.chores.add(() => {
      this.#safely(() => {
        store.builds.prune(now());
      });
    });
    return store.builds.begin(this.#facts?.id ?? '');
  }

  #end(how: Pick<BuildEnd, 'status' | 'result' | 'error'>): void {
    clearTimeout(this.#soon);
    const build = this.#facts;
    if (build === undefined || this.#over) return;
    this.#safely(() => {
      const { store, now } = this.#workshop;
      const end = {
        time: steadyTime(),
        ...this.#clean(how),
        steps: countSteps(this.#steps.list()),
      };
      if (this.#journal === undefined && this.#logBytes === 0)
        store.builds.put(build.id, { build, events: this.#events, ...this.#newMaterials(), end });
      else this.#flush({ end });
      store.builds.pruneSome(now());
    });
    this.#stop();
  }

  #stop(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#soon);
    clearTimeout(this.#flushing);
    this.#journal?.close();
  }

  /** A full or read-only disk costs the record, not the build. */
  #safely(work: () => void): void {
    if (this.#over) return;
    try {
      work();
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      this.#stop();
      const message = `the history of this build could not be written: ${error.message}`;
      this.#warn({ type: 'warning', message });
    }
  }
}

function failureOf(error: unknown, source: readonly string[]): BuildFailure {
  if (!(error instanceof BuildError))
    return { message: redactUrls(error instanceof Error ? error.message : String(error)) };
  const { code, message, hint, details, range } = error;
  const lines =
    range === undefined ? [] : source.slice(range.startLine - 1, range.endLine).map(redactUrls);
  return {
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(details.length === 0 ? {} : { details }),
    ...(range === undefined ? {} : { range, source: lines }),
  };
}

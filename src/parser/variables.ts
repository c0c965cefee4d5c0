import type { EnvVar } from '../model/graph.js';

/** The variables a RUN sees, in the order they were last set. */
export class Variables {
  readonly #byName: Map<string, EnvVar>;
  #list: readonly EnvVar[] | undefined;

  constructor(variables: Iterable<EnvVar> = []) {
    this.#byName = new Map(Array.from(variables, (variable) => [variable.name, variable]));
  }

  get(name: string): string | undefined {
    return this.#byName.get(name)?.value;
  }

  set(name: string, value: string, origin: EnvVar['origin']): void {
    this.#byName.delete(name);
    this.#byName.set(name, { name, value, origin });
    this.#list = undefined;
  }

  list(): readonly EnvVar[] {
    return (this.#list ??= [...this.#byName.values()]);
  }
}

/** Things to give back, last taken first, whatever fails: what AsyncDisposableStack is in newer Nodes. */
export class CleanupStack implements AsyncDisposable {
  readonly #work: (() => void | PromiseLike<void>)[] = [];

  use(resource: AsyncDisposable): void {
    this.#work.push(() => resource[Symbol.asyncDispose]());
  }

  defer(work: () => void | Promise<void>): void {
    this.#work.push(work);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let work = this.#work.pop(); work !== undefined; work = this.#work.pop()) {
      try {
        await work();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { memoryRecords, type Step, solveStep } from '../helpers/arithmetic.js';

/** A random graph as data: each node adds a number to the sum of some nodes before it, modulo another. */
interface Node {
  readonly add: number;
  readonly modulo: number;
  readonly inputs: readonly number[];
}

const nodes = fc
  .array(
    fc.record({
      add: fc.nat(9),
      modulo: fc.integer({ min: 1, max: 4 }),
      inputs: fc.array(fc.nat(1000), { maxLength: 4 }),
    }),
    { minLength: 1, maxLength: 14 },
  )
  .map((list) =>
    list.map((node, i): Node => {
      return { ...node, inputs: i === 0 ? [] : node.inputs.map((input) => input % i) };
    }),
  );

/** The plain recursion. */
function evaluate(graph: readonly Node[]): number[] {
  const values: number[] = [];
  for (const { add, modulo, inputs } of graph)
    values.push((inputs.reduce((all, i) => all + values[i]!, 0) + add) % modulo);
  return values;
}

function stepsOf(graph: readonly Node[]): Step[] {
  const steps: Step[] = [];
  for (const [i, { add, modulo, inputs }] of graph.entries()) {
    steps.push({
      name: `n${i}`,
      text: `+${add} %${modulo}`,
      inputs: inputs.map((input) => steps[input]!),
      compute: (values) => (values.reduce((all, value) => all + value, 0) + add) % modulo,
    });
  }
  return steps;
}

function reached(graph: readonly Node[]): Set<number> {
  const found = new Set<number>();
  const visit = (i: number): void => {
    if (found.has(i)) return;
    found.add(i);
    graph[i]!.inputs.forEach(visit);
  };
  visit(graph.length - 1);
  return found;
}

test('over random graphs: the value of the plain recursion, each needed step at most once, no other', async () => {
  await fc.assert(
    fc.asyncProperty(nodes, async (graph) => {
      const { value, ran } = await solveStep(stepsOf(graph).at(-1)!, memoryRecords());
      assert.equal(value, evaluate(graph).at(-1));
      assert.equal(new Set(ran).size, ran.length);
      const needed = reached(graph);
      for (const name of ran)
        assert.ok(needed.has(Number(name.slice(1))), `${name} was not needed`);
    }),
  );
});

test('over random histories: whatever was built before, the value is right and a repeat runs nothing', async () => {
  const change = fc.record({ node: fc.nat(13), add: fc.nat(9) });
  await fc.assert(
    fc.asyncProperty(nodes, fc.array(change, { maxLength: 5 }), async (first, changes) => {
      const records = memoryRecords();
      let graph: readonly Node[] = first;
      for (const { node, add } of [{ node: -1, add: 0 }, ...changes]) {
        graph = graph.map((each, i) => (i === node ? { ...each, add } : each));
        const { value } = await solveStep(stepsOf(graph).at(-1)!, records);
        assert.equal(value, evaluate(graph).at(-1));
        assert.deepEqual((await solveStep(stepsOf(graph).at(-1)!, records)).ran, []);
      }
    }),
  );
});

test('a step runs only if its definition or the value of an input is new', async () => {
  await fc.assert(
    fc.asyncProperty(nodes, fc.nat(13), fc.nat(9), async (graph, node, add) => {
      const records = memoryRecords();
      await solveStep(stepsOf(graph).at(-1)!, records);
      const changed = graph.map((each, i) => (i === node ? { ...each, add } : each));
      const { ran } = await solveStep(stepsOf(changed).at(-1)!, records);
      const [before, after] = [evaluate(graph), evaluate(changed)];
      for (const name of ran) {
        const i = Number(name.slice(1));
        const moved = changed[i]!.inputs.some((input) => before[input] !== after[input]);
        assert.ok(i === node || moved, `${name} read nothing new`);
      }
    }),
  );
});

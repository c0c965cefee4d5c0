import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lostLine } from '../../src/parser/lost-operator.js';
import { parseDockerfile } from '../../src/parser/parse.js';

/** The command, and the text that looks as if && were missing before it. */
const CASES: readonly (readonly [run: string, lost: string | undefined])[] = [
  ['RUN mkdir /app \\\n    cd /app', 'cd /app'],
  ['RUN make all \\\n  # remark\n\n  cp a /b \\\n  && true', 'cp a /b'],
  ['RUN --network=none echo a \\\n  ./configure --x', './configure --x'],
  ['RUN mkdir /app && \\\n    cd /app', undefined],
  ['RUN mkdir /app; \\\n    cd /app', undefined],
  ['RUN mkdir /app \\\n    && cd /app', undefined],
  ['RUN apt-get install -y \\\n    git \\\n    make curl', undefined],
  ['RUN --mount=type=cache,target=/c \\\n    apt-get update', undefined],
  ['RUN \\\n    apt-get update', undefined],
  ['RUN DEBIAN_FRONTEND=noninteractive \\\n    apt-get update', undefined],
  ['RUN for a in b; do \\\n    echo $a; \\\n  done', undefined],
  ['RUN cat x | \\\n    echo y', undefined],
  ['RUN if true; then \\\n    echo y; else \\\n    rm x; fi', undefined],
];

test('a line that && is missing before is told from one that goes on', () => {
  for (const [run, lost] of CASES) {
    const dockerfile = parseDockerfile(`FROM x\n${run}\n`, 'Dockerfile');
    const instruction = dockerfile.instructions[1];
    assert.ok(instruction, run);
    assert.equal(lostLine(instruction, dockerfile)?.next, lost, run);
  }
});

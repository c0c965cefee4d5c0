import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from './tools.js';

/** One thing to build. `prepare` writes dir once; `touch` changes it before each measured round of each tool. */
export interface Workload {
  readonly name: string;
  readonly rounds: number;
  /** Build once unmeasured, so that the measured rounds are warm. */
  readonly warm: boolean;
  readonly prepare: (dir: string) => void;
  readonly touch: (dir: string, round: string) => void;
  readonly archive?: boolean;
  /** A container of what was built, instead of the build. */
  readonly run?: boolean;
  /** Builds of `dir/1` to `dir/<together>` at once, instead of one of `dir`. */
  readonly together?: number;
  /** Builders that would take many minutes; they are left out. */
  readonly without?: readonly string[];
  /** The least any builder could do for the same work on this machine. */
  readonly limit?: (
    dir: string,
    scratch: string,
  ) => { readonly name: string; readonly run: Command };
}

const nothing = (): void => undefined;
const write = (dir: string, name: string, text: string): void => {
  writeFileSync(join(dir, name), text);
};
const sh = (script: string): Command => ({ argv: ['sh', '-c', script] });
const bareNode = () => ({ name: 'node -e 0', run: { argv: ['node', '-e', '0'] } });

/** `count` files of 0.2 to 4 KB in directories of 50, the same bytes every time. */
function tree(root: string, count: number): void {
  for (let i = 0; i < count; i++) {
    const dir = join(
      root,
      `d${String(Math.floor(i / 50) % 40)}`,
      `e${String(Math.floor(i / 2000))}`,
    );
    if (i % 50 === 0 || i < 2000) mkdirSync(dir, { recursive: true });
    writeFileSync(
      join(dir, `f${String(i)}.js`),
      `export const n = ${String(i)};\n`.repeat(8 + (i % 140)),
    );
  }
}

function smallApp(dir: string): void {
  write(dir, 'index.js', 'console.log("hello");\n');
  write(
    dir,
    'Dockerfile',
    'FROM bench-base\nRUN true\nCOPY . /app\nWORKDIR /app\nCMD ["node","index.js"]\n',
  );
}

function bigContext(dir: string): void {
  tree(join(dir, 'src'), 50_000);
  write(dir, 'Dockerfile', 'FROM bench-base\nCOPY . /app\n');
}

/** Stages of 100 steps each (docker's layers go no deeper than 125), the last of which has a file of every other. */
function cachedSteps(count: number): Workload {
  const stages = Math.ceil(count / 100);
  const stage = (s: number): string => {
    const runs = Array.from(
      { length: Math.min(count, 100) - 1 },
      (_, i) => `RUN true ${String(i)}`,
    );
    return `FROM bench-base AS s${String(s)}\nRUN echo ${String(s)} > /s${String(s)}\n${runs.join('\n')}\n`;
  };
  const all = Array.from({ length: stages }, (_, s) => s);
  const copies = all.slice(1).map((s) => `COPY --from=s${String(s)} /s${String(s)} /\n`);
  return {
    name: `${count.toLocaleString('en')} cached steps`,
    rounds: 5,
    warm: true,
    ...(count > 100 ? { without: ['buildah'] } : {}),
    prepare: (dir) => {
      const last = `FROM s0\n${copies.join('')}`;
      write(dir, 'Dockerfile', `${all.map(stage).join('')}${last}`);
    },
    touch: nothing,
    limit: bareNode,
  };
}

export const workloads: readonly Workload[] = [
  { name: 'no-op', rounds: 15, warm: true, prepare: smallApp, touch: nothing, limit: bareNode },
  {
    name: 'no-op, 50,000 files',
    rounds: 5,
    warm: true,
    prepare: bigContext,
    touch: nothing,
    limit: (dir) => ({
      name: 'find -printf',
      run: sh(`find ${dir} -printf '%s %T@ %i\\n' > /dev/null`),
    }),
  },
  {
    name: 'one of 50,000 changed',
    rounds: 3,
    warm: true,
    prepare: bigContext,
    touch: (dir, round) => {
      write(dir, 'src/d0/e0/f0.js', `// ${round}\n`);
    },
  },
  {
    name: 'run true (podman)',
    rounds: 15,
    warm: true,
    run: true,
    prepare: smallApp,
    touch: nothing,
    limit: bareNode,
  },
  {
    name: 'one RUN true',
    rounds: 9,
    warm: false,
    prepare: nothing,
    touch: (dir, round) => {
      write(dir, 'Dockerfile', `FROM bench-base\nRUN true ${round}\n`);
    },
  },
  {
    name: '30 RUN true',
    rounds: 3,
    warm: false,
    prepare: nothing,
    touch: (dir, round) => {
      const lines = Array.from({ length: 30 }, (_, i) => `RUN true ${round} ${String(i)}`);
      write(dir, 'Dockerfile', `FROM bench-base\n${lines.join('\n')}\n`);
    },
  },
  {
    name: 'COPY 20,000 files',
    rounds: 3,
    warm: false,
    prepare: (dir) => {
      tree(join(dir, 'src'), 20_000);
    },
    touch: (dir, round) => {
      write(dir, 'src/round', round);
      write(dir, 'Dockerfile', 'FROM bench-base\nCOPY src /app\n');
    },
    limit: (dir, scratch) => ({ name: 'cp -a', run: sh(`cp -a ${dir}/src ${scratch}/copy`) }),
  },
  {
    name: 'COPY 1 GiB',
    rounds: 3,
    warm: false,
    prepare: (dir) => {
      write(dir, 'Dockerfile', 'FROM bench-base\nCOPY big /big\n');
    },
    touch: (dir, round) => {
      // Fresh random bytes in the first block are enough for another digest; the rest is made once.
      sh1(`test -f ${dir}/big || head -c 1073741824 /dev/urandom > ${dir}/big`);
      sh1(`printf '%s' '${round}' | dd of=${dir}/big conv=notrunc status=none`);
    },
    limit: (dir, scratch) => ({
      name: 'slower of cp, openssl sha256',
      run: sh(`cp ${dir}/big ${scratch}/copy & openssl dgst -sha256 ${dir}/big > /dev/null; wait`),
    }),
  },
  {
    name: 'four stages of 1 s',
    rounds: 3,
    warm: false,
    prepare: nothing,
    touch: (dir, round) => {
      const stage = (i: number): string =>
        `FROM bench-base AS s${String(i)}\nRUN sleep 1; echo ${round} > /f${String(i)}\n`;
      const copies = [0, 1, 2, 3]
        .map((i) => `COPY --from=s${String(i)} /f${String(i)} /`)
        .join('\n');
      write(dir, 'Dockerfile', `${[0, 1, 2, 3].map(stage).join('')}FROM bench-base\n${copies}\n`);
    },
    limit: () => ({ name: 'sleep 1', run: sh('sleep 1') }),
  },
  cachedSteps(10),
  cachedSteps(100),
  cachedSteps(1000),
  {
    name: '8 builds at once',
    rounds: 3,
    warm: false,
    together: 8,
    prepare: (dir) => {
      for (let i = 1; i <= 8; i++) tree(join(dir, String(i), 'src'), 500);
    },
    touch: (dir, round) => {
      for (let i = 1; i <= 8; i++) {
        const text = `FROM bench-base\nCOPY src /app\nRUN echo ${round} ${String(i)} > /round\n`;
        write(join(dir, String(i)), 'Dockerfile', text);
      }
    },
  },
  {
    name: 'archive of 200 MB',
    rounds: 3,
    warm: false,
    archive: true,
    prepare: (dir) => {
      tree(join(dir, 'src'), 2_000);
      // Machine code: bytes that compress as an application's do.
      for (const i of ['1', '2']) {
        sh1(
          `head -c 100000000 ${process.execPath} > ${dir}/src/n${i}; echo ${i} >> ${dir}/src/n${i}`,
        );
      }
    },
    touch: (dir, round) => {
      write(dir, 'src/round', round);
      write(dir, 'Dockerfile', 'FROM bench-base\nCOPY src /app\n');
    },
    limit: (dir, scratch) => ({
      name: 'tar | pigz -6 (gzip if absent)',
      run: sh(`tar -C ${dir} -c src | $(command -v pigz || echo gzip) -6 > ${scratch}/copy`),
    }),
  },
];

function sh1(script: string): void {
  const command = sh(script);
  const [program = '', ...args] = command.argv;
  const result = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (result.status !== 0) throw new Error(`failed: ${script}`);
}

/** The base every Dockerfile of the bench starts from: busybox and its links, no network needed. */
export function prepareBase(dir: string): void {
  mkdirSync(dir, { recursive: true });
  copyFileSync('/bin/busybox', join(dir, 'busybox'));
  write(
    dir,
    'Dockerfile',
    'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox","--install","-s","/bin"]\n',
  );
}

export function emptyScratch(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
}

import { writeSync } from 'node:fs';
import { digestOf } from '../src/model/digest.js';
import type { RunConfig } from '../src/model/oci.js';
import { lower } from '../src/parser/lower.js';
import { parseDockerfile } from '../src/parser/parse.js';

/**
 * `npm run bench:language`: what parsing and lowering a Dockerfile of 100 to 10,000 instructions costs, lint included.
 * The time of one instruction must not grow with their number.
 */
const SIZES = [100, 1000, 2000, 5000, 10_000];
const ROUNDS = 9;

/** Every kind of instruction in turn; `stages` of them begin stages that are all reached. */
function dockerfile(instructions: number, stages: number): string {
  const lines = ['FROM base AS s0'];
  const every = Math.ceil(instructions / stages);
  for (let i = 1; i < instructions; i++) {
    const stage = Math.floor(i / every);
    if (i % every === 0) lines.push(`FROM s${String(stage - 1)} AS s${String(stage)}`);
    else lines.push(KINDS[i % KINDS.length]?.(String(i)) ?? '');
  }
  return `${lines.join('\n')}\n`;
}

const KINDS: readonly ((n: string) => string)[] = [
  (n) =>
    `RUN --mount=type=cache,target=/c make -j4 part${n} && \\\n    echo "done \${X:-none}" # ${n}`,
  (n) => `COPY --chown=1:1 src/${n}/*.ts lib/${n} /app/${n}/`,
  (n) => `ENV NAME_${few(n)}="value \${NAME_1:-${n}}" OTHER=${n}`,
  (n) => `ARG ARG_${few(n)}=a${n}`,
  (n) => `LABEL org.example.l${n}="$ARG_3 of ${n}"`,
  (n) => `RUN <<EOF\necho ${n}\ntouch /f${n}\nEOF`,
  (n) => `WORKDIR /app/${n}`,
  (n) => `EXPOSE ${String(1024 + (Number(n) % 60_000))}/tcp`,
  () => 'CMD ["node", "main.js"]',
];

/** Variables are set anew, not ever more of them: every RUN has them all. */
function few(n: string): string {
  return String(Number(n) % 30);
}

/** Of the processor: that of the clock is the machine's affair. */
async function once(text: string): Promise<number> {
  const config: RunConfig = {};
  const before = process.cpuUsage();
  await lower(parseDockerfile(text, 'Dockerfile'), {
    ...{ buildArgs: {}, labels: {}, platform: PLATFORM, network: 'default', noCache: false },
    place: 'Dockerfile',
    lint: { warn: () => undefined },
    resolveImage: (reference) =>
      Promise.resolve({
        ...{ reference, manifest: digestOf('base'), layers: [] },
        config: { ...PLATFORM, config, rootfs: { type: 'layers', diff_ids: [] }, history: [] },
      }),
  });
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const PLATFORM = { os: 'linux', architecture: 'amd64' };

async function least(text: string): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) times.push(await once(text));
  return Math.min(...times);
}

writeSync(1, '| instructions | stages | ms of CPU | µs an instruction |\n|---|---|---|---|\n');
for (const stages of [1, 20]) {
  for (const size of SIZES) {
    const ms = await least(dockerfile(size, stages));
    const each = ((ms * 1000) / size).toFixed(1);
    writeSync(1, `| ${String(size)} | ${String(stages)} | ${ms.toFixed(1)} | ${each} |\n`);
  }
}

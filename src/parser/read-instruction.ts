import { nearest } from '../model/nearest.js';
import { type FlagSyntax, readFlags } from './flags.js';
import type { Instruction, InstructionBody } from './instruction.js';
import type { LogicalLine } from './logical-lines.js';
import { notYet, Problem } from './problem.js';
import { readCopy } from './read-copy.js';
import { readFrom } from './read-from.js';
import { readHealthcheck } from './read-healthcheck.js';
import { readRun } from './read-run.js';
import { single, some, type Source } from './source-text.js';
import { argDeclarations, formOf, jsonArray, namedValues } from './split.js';

interface Reader {
  readonly syntax?: FlagSyntax;
  readonly read: (source: Source) => InstructionBody;
}

const COPY_LATER = ['link', 'parents', 'exclude', 'checksum', 'keep-git-dir', 'unpack'];
const HEALTH = ['interval', 'timeout', 'start-period', 'start-interval', 'retries'];

const READERS: Readonly<Record<string, Reader>> = {
  FROM: { syntax: { known: ['platform'], later: [] }, read: readFrom },
  RUN: { syntax: { known: ['network'], later: ['mount', 'security', 'device'] }, read: readRun },
  COPY: { syntax: { known: ['from', 'chown', 'chmod'], later: COPY_LATER }, read: readCopy },
  ADD: { syntax: { known: ['chown', 'chmod'], later: COPY_LATER }, read: readCopy },
  ENV: { read: ({ text, escape }) => ({ kind: 'env', pairs: namedValues(text, 'ENV', escape) }) },
  LABEL: {
    read: ({ text, escape }) => ({ kind: 'label', pairs: namedValues(text, 'LABEL', escape) }),
  },
  ARG: { read: ({ text, escape }) => ({ kind: 'arg', args: argDeclarations(text, escape) }) },
  WORKDIR: { read: (source) => ({ kind: 'workdir', path: single(source) }) },
  USER: { read: (source) => ({ kind: 'user', user: single(source) }) },
  STOPSIGNAL: { read: (source) => ({ kind: 'stopsignal', signal: single(source) }) },
  MAINTAINER: { read: (source) => ({ kind: 'maintainer', author: single(source) }) },
  CMD: { read: ({ text }) => ({ kind: 'cmd', form: formOf(text) }) },
  ENTRYPOINT: { read: (source) => ({ kind: 'entrypoint', form: formOf(single(source)) }) },
  EXPOSE: { read: (source) => ({ kind: 'expose', ports: some(source, source.text.split(/\s+/)) }) },
  VOLUME: { read: readVolume },
  SHELL: { read: readShell },
  HEALTHCHECK: { syntax: { known: HEALTH, later: [] }, read: readHealthcheck },
  ONBUILD: { read: readOnbuild },
};

/** Throws Problem on anything the instruction does not allow. */
export function readInstruction(line: LogicalLine, file: string, escape: string): Instruction {
  const { startLine, endLine } = line;
  return { ...readText(line.text, escape), range: { file, startLine, endLine } };
}

/** One logical line, also an ONBUILD trigger's. */
export function readText(line: string, escape: string): InstructionBody & { text: string } {
  const word = /^\S+/.exec(line)?.[0] ?? '';
  const keyword = word.toUpperCase();
  const after = line.slice(word.length).trim();
  const reader = Object.hasOwn(READERS, keyword) ? READERS[keyword] : undefined;
  if (reader === undefined) throw unknownInstruction(word);
  const syntax = reader.syntax ?? { known: [], later: [] };
  // Only instructions with flags read `--x` as one: `CMD --help` is a command.
  const takesFlags = reader.syntax !== undefined || keyword === 'ENV';
  const { flags, rest } = takesFlags
    ? readFlags(after, keyword, syntax)
    : { flags: new Map<string, string>(), rest: after };
  refuseHeredoc(keyword, rest);
  return {
    ...reader.read({ keyword, text: rest, flags, escape }),
    text: `${keyword} ${after}`.trim(),
  };
}

function unknownInstruction(word: string): Problem {
  const near = nearest(word.toUpperCase(), Object.keys(READERS));
  return new Problem(
    `unknown instruction: ${word}`,
    near === undefined ? {} : { hint: `did you mean ${near}?` },
  );
}

function refuseHeredoc(keyword: string, text: string): void {
  if (!['RUN', 'COPY', 'ADD'].includes(keyword)) return;
  if (/(^|\s)\d*<<-?(["']?)[A-Za-z_]\w*\2(\s|$)/.test(text))
    throw notYet(`a here-document in ${keyword}`);
}

function readVolume(source: Source): InstructionBody {
  const paths = some(source, jsonArray(source.text) ?? source.text.split(/\s+/));
  if (paths.some((path) => path.trim() === ''))
    throw new Problem('VOLUME specified can not be an empty string');
  return { kind: 'volume', paths };
}

function readShell({ text }: Source): InstructionBody {
  const shell = jsonArray(text);
  if (shell === undefined)
    throw new Problem('SHELL requires the arguments to be in JSON form', {
      hint: 'write SHELL ["/bin/sh", "-c"]',
    });
  if (shell.length === 0) throw new Problem('SHELL requires at least one argument');
  return { kind: 'shell', shell };
}

function readOnbuild(source: Source): InstructionBody {
  const trigger = single(source);
  const word = (/^\S+/.exec(trigger)?.[0] ?? '').toUpperCase();
  if (word === 'ONBUILD') throw new Problem("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (word === 'FROM' || word === 'MAINTAINER')
    throw new Problem(`${word} isn't allowed as an ONBUILD trigger`);
  readText(trigger, source.escape);
  return { kind: 'onbuild', trigger };
}

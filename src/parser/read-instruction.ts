import { type FlagSyntax, readFlags } from './flags.js';
import type { Instruction, InstructionBody } from './instruction.js';
import { type LogicalLine, logicalLine } from './logical-lines.js';
import { Problem } from './problem.js';
import { readCopy } from './read-copy.js';
import { readFrom } from './read-from.js';
import { readHealthcheck } from './read-healthcheck.js';
import { readRun } from './read-run.js';
import { single, some, type Source } from './source-text.js';
import { argDeclarations, BLANKS, formOf, jsonArray, namedValues } from './split.js';
import { unknownInstruction } from './unknown-instruction.js';

interface Reader {
  readonly syntax?: FlagSyntax;
  readonly read: (source: Source) => InstructionBody;
}

const PLACE = { chown: 'text', chmod: 'text', link: 'bool', exclude: 'list' } as const;
const COPY = { known: { from: 'text', ...PLACE, parents: 'bool' }, later: [] } as const;
const ADD = {
  known: { ...PLACE, checksum: 'text', 'keep-git-dir': 'bool', unpack: 'bool' },
  later: [],
} as const;
const RUN = {
  known: { mount: 'list', network: 'text', security: 'text', device: 'list' },
  later: [],
} as const;
const HEALTH = {
  known: {
    interval: 'text',
    timeout: 'text',
    'start-period': 'text',
    'start-interval': 'text',
    retries: 'text',
  },
  later: [],
} as const;
const NO_FLAGS = { known: {}, later: [] } as const;

const READERS: Readonly<Record<string, Reader>> = {
  FROM: { syntax: { known: { platform: 'text' }, later: [] }, read: readFrom },
  RUN: { syntax: RUN, read: readRun },
  COPY: { syntax: COPY, read: readCopy },
  ADD: { syntax: ADD, read: readCopy },
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
  ENTRYPOINT: { read: (source) => ({ kind: 'entrypoint', form: formOf(source.text) }) },
  EXPOSE: {
    read: (source) => ({
      kind: 'expose',
      ports: some(source, source.text.split(BLANKS)).toSorted(),
    }),
  },
  VOLUME: { read: readVolume },
  SHELL: { read: readShell },
  HEALTHCHECK: { syntax: HEALTH, read: readHealthcheck },
  ONBUILD: { read: readOnbuild },
};

/** Throws Problem on anything the instruction does not allow. */
export function readInstruction(line: LogicalLine, file: string, escape: string): Instruction {
  const { startLine, endLine } = line;
  if (line.problem !== undefined) throw line.problem;
  return { ...readLine(line, escape), range: { file, startLine, endLine } };
}

/** The instruction that an ONBUILD trigger of a base image holds; it knows no directives. */
export function readTrigger(trigger: string): InstructionBody & { text: string } {
  const lines = trigger.split('\n');
  const line = logicalLine(lines, 0, '\\');
  if (line.problem !== undefined) throw line.problem;
  if (lines.slice(line.endLine).some((rest) => rest.trim() !== ''))
    throw new Problem(`onbuild trigger should be a single expression: ${lines[0] ?? ''}`);
  checkTrigger(line.text);
  return readLine(line, '\\');
}

function readLine(
  line: Pick<LogicalLine, 'text' | 'heredocs'>,
  escape: string,
): InstructionBody & { text: string } {
  const [word = ''] = line.text.split(BLANKS, 1);
  const keyword = word.toUpperCase();
  const after = line.text.slice(word.length).trim();
  const reader = Object.hasOwn(READERS, keyword) ? READERS[keyword] : undefined;
  if (reader === undefined) throw unknownInstruction(word, Object.keys(READERS));
  const { flags, rest } = readFlags(after, keyword, reader.syntax ?? NO_FLAGS, escape);
  return {
    ...reader.read({ keyword, text: rest, flags, escape, heredocs: line.heredocs }),
    text: `${keyword} ${after}`.trim(),
  };
}

function readVolume(source: Source): InstructionBody {
  const words = jsonArray(source.text) ?? some(source, source.text.split(BLANKS));
  const paths = words.map((word) => word.trim());
  if (paths.length === 0) throw new Problem('VOLUME requires at least one argument');
  if (paths.includes('')) throw new Problem('VOLUME specified can not be an empty string');
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

/** The trigger is kept as it stands, the bodies of its here-documents below it. */
function readOnbuild(source: Source): InstructionBody {
  const { text: line } = source;
  if (line === '') throw new Problem('ONBUILD requires at least one argument');
  const { heredocs, escape } = source;
  checkTrigger(line);
  readLine({ text: line, heredocs }, escape);
  const bodies = heredocs.map(({ content, name }) => `\n${content}${name}`);
  return { kind: 'onbuild', trigger: line + bodies.join('') };
}

/** Also of a trigger in an image, which may have been made by anything. */
function checkTrigger(line: string): void {
  const word = (line.split(BLANKS, 1)[0] ?? '').toUpperCase();
  if (word === 'ONBUILD') throw new Problem("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (word === 'FROM' || word === 'MAINTAINER')
    throw new Problem(`${word} isn't allowed as an ONBUILD trigger`);
}

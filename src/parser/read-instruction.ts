import { nearest } from '../model/nearest.js';
import { parseDuration } from './duration.js';
import { type FlagSyntax, readFlags } from './flags.js';
import type { Instruction, InstructionBody } from './instruction.js';
import type { LogicalLine } from './logical-lines.js';
import { notYet, Problem } from './problem.js';
import { argDeclarations, formOf, jsonArray, namedValues, plainWords } from './split.js';

/** What an instruction's reader gets: the text after the keyword and its flags. */
interface Source {
  readonly keyword: string;
  readonly text: string;
  readonly flags: ReadonlyMap<string, string>;
  readonly escape: string;
}

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

function single({ keyword, text }: Source): string {
  if (text === '') throw new Problem(`${keyword} requires exactly one argument`);
  return text;
}

function some({ keyword }: Source, words: readonly string[]): readonly string[] {
  const given = words.filter((word) => word !== '');
  if (given.length === 0) throw new Problem(`${keyword} requires at least one argument`);
  return given;
}

function readFrom({ text, flags }: Source): InstructionBody {
  const [base, as, stage, ...more] = text.split(/\s+/);
  const valid = as === undefined || (stage !== undefined && as.toUpperCase() === 'AS');
  if (base === undefined || base === '' || !valid || more.length > 0) {
    throw new Problem('FROM requires either one or three arguments', {
      hint: 'write FROM image or FROM image AS name',
    });
  }
  const name = stage?.toLowerCase();
  if (name !== undefined && !/^[a-z][a-z0-9-_.]*$/.test(name)) {
    throw new Problem(
      `invalid name for build stage: ${JSON.stringify(stage)}, name can't start with a number or contain symbols`,
    );
  }
  const platform = flags.get('platform');
  return {
    kind: 'from',
    base,
    ...(name === undefined ? {} : { stage: name }),
    ...(platform === undefined ? {} : { platform }),
  };
}

function readRun(source: Source): InstructionBody {
  if (source.text === '') throw new Problem('RUN requires at least one argument');
  const form = formOf(source.text);
  if (form.json && form.args.length === 0) throw new Problem('RUN requires at least one argument');
  const network = source.flags.get('network');
  if (network === undefined) return { kind: 'run', form };
  if (network === 'default' || network === 'none' || network === 'host')
    return { kind: 'run', form, network };
  throw new Problem(`invalid network mode ${JSON.stringify(network)}`, {
    hint: 'use default, none or host',
  });
}

function readCopy({ keyword, text, flags }: Source): InstructionBody {
  const words = plainWords(text);
  const dest = words[words.length - 1];
  if (dest === undefined || words.length < 2) {
    throw new Problem(
      `${keyword} requires at least two arguments, but only ${String(words.length)} ${words.length === 1 ? 'was' : 'were'} provided. Destination could not be determined`,
    );
  }
  const sources = words.slice(0, -1);
  const remote = sources.find((source) => /^(https?|git|ssh):\/\/|^git@/.test(source));
  if (remote !== undefined && keyword === 'ADD') throw notYet(`ADD of a remote source (${remote})`);
  if (remote !== undefined) throw new Problem(`source can't be a URL for COPY: ${remote}`);
  if (flags.get('from')?.includes('$') === true) {
    throw new Problem('variable expansion is not supported for --from', {
      hint: 'define a new stage with FROM using ARG from global scope',
    });
  }
  return {
    kind: 'copy',
    instruction: keyword === 'ADD' ? 'ADD' : 'COPY',
    sources,
    dest,
    ...Object.fromEntries(flags),
  };
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

function readHealthcheck({ text, flags }: Source): InstructionBody {
  const type = /^\S+/.exec(text)?.[0] ?? '';
  const rest = text.slice(type.length).trim();
  if (type.toUpperCase() === 'NONE') {
    if (rest !== '' || flags.size > 0) throw new Problem('HEALTHCHECK NONE takes no arguments');
    return { kind: 'healthcheck', options: {} };
  }
  if (type.toUpperCase() !== 'CMD') {
    throw new Problem(
      type === ''
        ? 'HEALTHCHECK requires at least one argument'
        : `unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`,
    );
  }
  if (rest === '') throw new Problem('missing command after HEALTHCHECK CMD');
  const options = {
    ...durationFlag(flags, 'interval', 'Interval'),
    ...durationFlag(flags, 'timeout', 'Timeout'),
    ...durationFlag(flags, 'start-period', 'StartPeriod'),
    ...durationFlag(flags, 'start-interval', 'StartInterval'),
    ...retriesFlag(flags),
  };
  return { kind: 'healthcheck', form: formOf(rest), options };
}

function durationFlag(
  flags: ReadonlyMap<string, string>,
  flag: string,
  field: string,
): Record<string, number> {
  const text = flags.get(flag);
  return text === undefined ? {} : { [field]: parseDuration(text, flag) };
}

function retriesFlag(flags: ReadonlyMap<string, string>): { Retries?: number } {
  const text = flags.get('retries');
  if (text === undefined) return {};
  if (!/^\d{1,9}$/.test(text))
    throw new Problem(`--retries must be a whole number, not ${JSON.stringify(text)}`);
  return { Retries: Number(text) };
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

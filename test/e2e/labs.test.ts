import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { HEAD, labText } from '../helpers/labs/document.js';
import { comparable, type LabFacts, Normaliser } from '../helpers/labs/normalise.js';
import { type Played, playLab } from '../helpers/labs/play.js';
import { type LabLine, parseLab } from '../helpers/labs/script.js';
import { type LabWorld, labWorld, type Player } from '../helpers/labs/world.js';

/*
 * fixtures/labs/*.md: the labs' commands, played by stave and by docker. docs/labs.md is what stave printed; UPDATE=1
 * writes it. ONLY=lab3 plays one.
 */
const DOCUMENT = 'docs/labs.md';
const LABS = ['lab0', 'lab1', 'lab2', 'lab3', 'lab4', 'lab5'];
const only = process.env['ONLY'];

describe('the labs', { timeout: 900_000 }, () => {
  let world: LabWorld;
  const sections = new Map<string, string>();
  before(async () => {
    world = await labWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  for (const lab of LABS.filter((each) => only === undefined || each === only)) {
    test(`${lab}: stave does and prints what docker does and prints`, async () => {
      const script = readFileSync(`fixtures/labs/${lab}.md`, 'utf8');
      const lines = parseLab(script);
      const [ours, theirs] = await Promise.all([
        playClean(lines, world.stave),
        playClean(lines, world.docker),
      ]);
      const facts = ({ env }: Player): LabFacts => ({ script, port: env['PORT'] ?? '' });
      sections.set(lab, labText(ours, new Normaliser(facts(world.stave))));
      compare(ours, theirs, [facts(world.stave), facts(world.docker)]);
    });
  }

  test(`${DOCUMENT} is what stave printed`, () => {
    const written = sectionsOf(readFileSync(DOCUMENT, 'utf8'));
    const now = LABS.map((lab, i) => sections.get(lab) ?? written[i + 1] ?? '');
    const text = [HEAD, ...now].join('\n');
    if (process.env['UPDATE'] === '1') writeFileSync(DOCUMENT, text);
    assert.equal(readFileSync(DOCUMENT, 'utf8'), text, 'UPDATE=1 rewrites it');
  });
});

function sectionsOf(text: string): string[] {
  return text.split(/\n(?=## )/);
}

/** Each lab begins with nothing. */
async function playClean(lines: readonly LabLine[], player: Player): Promise<Played[]> {
  const clean = [
    'ids=$(stave ps -aq); [ -z "$ids" ] || stave rm -f $ids',
    'ids=$(stave images -q | sort -u); [ -z "$ids" ] || stave rmi -f $ids',
    'stave system prune -af; rm -rf ./*',
  ].map((text) => ({ kind: 'command', text, how: { abridged: true } }) as const);
  await playLab(clean, player);
  return playLab(lines, player);
}

function compare(
  ours: readonly Played[],
  theirs: readonly Played[],
  facts: readonly [LabFacts, LabFacts],
): void {
  const [we, they] = facts.map((each) => new Normaliser(each));
  const differences = ours.flatMap(({ line, output, status }, i) => {
    const other = theirs[i];
    if (line.kind === 'text' || we === undefined || they === undefined) return [];
    const show = (text: string, from: Normaliser): string =>
      line.how.abridged ? '' : comparable(from.text(text));
    const [a, b] = [show(output, we), show(other?.output ?? '', they)];
    const same = a === b && status === other?.status;
    if (same === (line.how.differs === undefined)) return [];
    if (same) return [`${line.text}: no longer differs, take the reason away`];
    const end = `[${String(status)}, docker ${String(other?.status)}]`;
    return [`$ ${line.text}\n--- stave\n${a}\n--- docker\n${b}\n${end}`];
  });
  assert.equal(differences.join('\n\n'), '');
}

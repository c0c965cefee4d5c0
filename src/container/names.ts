import { randomInt } from 'node:crypto';

const ADJECTIVES = (
  'able agile amber bold brave bright brisk calm candid clever cosmic crisp daring deft eager earnest fair ' +
  'fearless fine fond frank gentle glad golden grand happy hardy honest humble jolly keen kind lively lucid lucky mellow ' +
  'merry modest nimble noble patient placid plucky polite proud quick quiet radiant ready rosy sage serene sharp silent ' +
  'sincere smart snug solid spry steady sunny sure swift tender tidy trusty upbeat valiant vivid warm wise witty zealous'
).split(' ');

/** Coopers, shipwrights, mathematicians and computer scientists. */
const SURNAMES = (
  'abel agnesi babbage banach bernoulli boole cantor cauchy cerf church clarke curry dijkstra einstein ' +
  'engelbart erdos euler fermat feynman floyd fourier galois gauss germain goedel hamilton hamming hilbert hoare hollerith ' +
  'hopper hypatia jacquard kay kernighan khorana knuth kolmogorov lamarr lamport laplace leibniz liskov lovelace mccarthy ' +
  'milner minsky napier newell noether pascal perlman poincare ramanujan riemann ritchie shannon stallman thompson torvalds ' +
  'turing wiles wirth wozniak zuse'
).split(' ');

/** `brave_turing`, not one of `taken`. */
export function randomName(taken: ReadonlySet<string>): string {
  for (let tries = 0; ; tries++) {
    const adjective = ADJECTIVES[randomInt(ADJECTIVES.length)] ?? '';
    const surname = SURNAMES[randomInt(SURNAMES.length)] ?? '';
    const name = `${adjective}_${surname}${tries < 3 ? '' : String(randomInt(10))}`;
    if (!taken.has(name)) return name;
  }
}

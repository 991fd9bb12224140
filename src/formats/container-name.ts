/** Docker's rule for names of containers and volumes. */
export const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

// Original lists: qualities, and people who moved science, the arts and the sea-faring world.
const adjectives = (
  "able agile amber ample bold brave breezy bright brisk calm candid careful cheerful clever coastal cool curious " +
  "daring deft eager early earnest fair festive fluent fond frank fresh gentle glad golden graceful handy happy hardy " +
  "hearty helpful honest hopeful humble ideal jolly jovial keen kind lively loyal lucid lucky mellow merry mighty modest " +
  "neat nimble noble open patient placid plucky polite prompt proud quick quiet ready robust serene sharp silent " +
  "sincere sleek smart snug solid spry steady stoic sunny swift tender tidy tranquil trusty upbeat valiant vivid warm " +
  "wise witty zealous zesty"
).split(" ");

const surnames = (
  "abel amundsen anning archimedes babbage banach bardeen barton battuta bell bernoulli blackwell bohr boole born " +
  "brahe braun cannon cartwright cerf chandra clarke colden cook curie dalton darwin dijkstra dirac doppler earhart " +
  "edison einstein elion euclid euler faraday fermat fermi feynman fleming franklin galileo gauss goodall goldberg " +
  "gray hamilton hawking heisenberg hertz hodgkin hopper hubble hypatia jang jemison jennings johnson joliot joule " +
  "kepler knuth kowalevski lamarr leakey leavitt leibniz linnaeus lovelace lumiere magellan maxwell mayer mccarthy " +
  "meitner mendel mendeleev mirzakhani montalcini morse nansen newton nightingale nobel noether pascal pasteur pauling " +
  "payne perlman planck poincare ptolemy raman ramanujan rhodes ride ritchie roentgen rosalind rubin sagan shannon " +
  "shackleton snyder swartz tereshkova tesla thompson torvalds turing volta wescoff wiles wilson wright wozniak wu yalow"
).split(" ");

/**
 * A name as Docker makes them: adjective_surname, with a digit after the first attempt.
 * @param random a number from 0 up to 1, as Math.random gives
 */
export function generateName(attempt: number, random: () => number = Math.random): string {
  const pick = (words: string[]) => words[Math.floor(random() * words.length)]!;
  const name = `${pick(adjectives)}_${pick(surnames)}`;
  if (name === "boring_wozniak") return generateName(attempt, random);
  return attempt === 0 ? name : `${name}${Math.floor(random() * 10)}`;
}

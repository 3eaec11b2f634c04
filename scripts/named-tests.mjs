/**
 * Holds a document whose tables name tests against the files. A row is `| what | tiers | where |`. Its third cell links to
 * files and quotes behind each, in “ ”, titles of tests or of cases as they stand there; of a golden case the file is enough.
 * What no test shows says why, in a sentence that begins as `REASON` has it. The second cell has the tiers of the files.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ROOT } from './runtime.mjs';

const REASON = /(^|[.;] )(Not yet|Does not apply): /;

const TIERS = ['unit', 'integration', 'netns', 'cluster'];

const GOLDEN = /^packages\/translation\/src\/golden\/.*\.in\.yaml$/;

/** Each is a test of acceptance.netns.test.ts. */
const CHECK = /^packages\/local\/src\/check\/.*(?<!\.test)\.ts$/;

/** @returns {string | undefined} none for what is no test. */
function tierOf(file) {
  if (GOLDEN.test(file)) return 'unit';
  if (CHECK.test(file)) return 'netns';
  const named = /(?:\.(integration|netns|cluster))?\.test\.ts$/.exec(file);
  return named === null ? undefined : (named[1] ?? 'unit');
}

/** Whether a file has a text as a string of its own, as titles are written. */
function has(file, title) {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return ["'", '"', '`'].some((quote) => text.includes(quote + title.replaceAll(quote, `\\${quote}`) + quote));
}

/**
 * The links and the quotes of a cell.
 * @returns {{ file: string, titles: string[] }[]} files, and the titles that are said behind each.
 */
function named(document, cell) {
  /** @type {{ file: string, titles: string[] }[]} */
  const files = [];
  for (const [, link, title] of cell.matchAll(/\]\(([^)]+)\)|“([^”]+)”/g)) {
    if (title === undefined) files.push({ file: relative(ROOT, join(ROOT, dirname(document), link)), titles: [] });
    else files.at(-1)?.titles.push(title);
  }
  return files;
}

function problemsOf(document, tiers, where) {
  const problems = [];
  const files = named(document, where);
  for (const { file, titles } of files) {
    if (!existsSync(join(ROOT, file))) problems.push(`${file} does not exist`);
    else if (tierOf(file) === undefined) continue;
    else if (titles.length === 0 && !GOLDEN.test(file)) problems.push(`${file} stands there without a title`);
    else problems.push(...titles.filter((title) => !has(file, title)).map((title) => `${file} has no “${title}”`));
  }
  const tested = new Set(files.map(({ file }) => tierOf(file)));
  const expected = TIERS.filter((tier) => tested.has(tier)).join(', ');
  if (tiers !== expected) problems.push(`the tests are of the tiers “${expected}” and not “${tiers}”`);
  if (expected === '' && !REASON.test(where)) problems.push('names no test, and does not say why');
  return problems;
}

/** @returns {string[]} a line for each thing that a document names and that is not there, with its row. */
export function namedTestProblems(document) {
  const lines = readFileSync(join(ROOT, document), 'utf8').split('\n');
  return lines.flatMap((line, index) => {
    const isHead = lines[index + 1]?.startsWith('|---') === true;
    if (!line.startsWith('| ') || isHead) return [];
    const [what = '', tiers = '', where = ''] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    return problemsOf(document, tiers, where).map((problem) => `${document}: ${what}: ${problem}`);
  });
}

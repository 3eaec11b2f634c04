/** A test of the suite that has ended. */
export interface TestResult {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** The last lines that it and its parts wrote. */
  readonly said: readonly string[];
}

const OUTCOMES = { PASS: 'passed', FAIL: 'failed', SKIP: 'skipped' } as const;

/** Of what a test wrote, the lines that are kept. */
const SAID_LINES = 15;

/** Longest line that is kept, in characters: answers of servers are long. */
const LINE_LENGTH = 600;

/** Reads what `go test -v` writes about the suite, line by line. Results come all at once when the last test has ended. */
export class SuiteOutput {
  readonly results: TestResult[] = [];
  readonly #began: (test: string) => void;
  readonly #said = new Map<string, string[]>();
  #current = '';

  /** `began` is told the name of each test when it begins, also of those that are skipped at once. */
  constructor(began: (test: string) => void = () => undefined) {
    this.#began = began;
  }

  take(line: string): void {
    const began = /^=== (RUN|CONT|NAME)\s+TestConformance(?:\/([^/\s]+))?(\/)?/.exec(line);
    if (began !== null) {
      this.#current = began[2] ?? '';
      if (began[1] === 'RUN' && this.#current !== '' && began[3] === undefined) this.#began(this.#current);
      return;
    }
    const ended = /^\s*--- (PASS|FAIL|SKIP): TestConformance\/([^/\s]+) \([0-9.]+s\)$/.exec(line);
    if (ended === null) {
      this.#keep(line);
      return;
    }
    const [, word = '', name = ''] = ended;
    const outcome = OUTCOMES[word as keyof typeof OUTCOMES];
    this.results.push({ name, outcome, said: this.#said.get(name) ?? [] });
    this.#said.delete(name);
  }

  /** What was written outside of every test that ended, as the set-up's failure is. */
  get rest(): readonly string[] {
    return [...this.#said.values()].flat();
  }

  #keep(line: string): void {
    if (line.trim() === '' || /^\s*---/.test(line)) return;
    const lines = this.#said.get(this.#current) ?? [];
    lines.push(line.slice(0, LINE_LENGTH));
    this.#said.set(this.#current, lines.slice(-SAID_LINES));
  }
}

/** Whether a test of the suite is for meshes. */
export function isOfMesh(test: string): boolean {
  return test.startsWith('Mesh');
}

/** As scripts/report.mjs counts. */
export interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly failures: readonly string[];
}

/** A test of a mesh that was not run has failed; other tests are not ours to run. */
export function countOf(output: SuiteOutput, exitCode: number): Count {
  const failed = output.results.filter(
    ({ name, outcome }) => outcome === 'failed' || (outcome === 'skipped' && isOfMesh(name)),
  );
  const passed = output.results.filter(({ outcome }) => outcome === 'passed').length;
  const failures = failed.map(({ name, outcome, said }) => [`${name}: ${outcome}`, ...said].join('\n  '));
  if (exitCode !== 0 && failures.length === 0) {
    failures.push([`the suite ended with ${exitCode}`, ...output.rest].join('\n  '));
  }
  return { passed, failed: failures.length, failures };
}

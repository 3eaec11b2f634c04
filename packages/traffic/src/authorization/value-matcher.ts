import type { ValuePattern } from '../model/authorization-policy.ts';
import { PathTemplate } from './path-template.ts';

/** The patterns of one condition, sorted by how they are compared. */
export class ValueMatcher {
  readonly #exact: ReadonlySet<string>;
  readonly #prefixes: readonly string[];
  readonly #suffixes: readonly string[];
  readonly #templates: readonly PathTemplate[];
  readonly #present: boolean;

  constructor(patterns: readonly ValuePattern[]) {
    const ofKind = (wanted: ValuePattern['kind']): string[] =>
      patterns.flatMap(({ kind, text }) => (kind === wanted ? [text] : []));
    this.#exact = new Set(ofKind('exact'));
    this.#prefixes = ofKind('prefix');
    this.#suffixes = ofKind('suffix');
    this.#templates = ofKind('template').map((template) => new PathTemplate(template));
    this.#present = patterns.some(({ kind }) => kind === 'present');
  }

  /** Of an attribute that is there. */
  matches(value: string): boolean {
    if (this.#present || this.#exact.has(value)) return true;
    for (const prefix of this.#prefixes) if (value.startsWith(prefix)) return true;
    for (const suffix of this.#suffixes) if (value.endsWith(suffix)) return true;
    for (const template of this.#templates) if (template.matches(value)) return true;
    return false;
  }
}

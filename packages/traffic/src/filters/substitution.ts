import type { RE2JS } from 're2js';
import { MAX_REWRITE_STEPS, MAX_REWRITTEN_PATH } from '../limits.ts';
import { escapeBeyondAscii } from '../match/octets.ts';
import { re2 } from '../match/re2.ts';
import { pathPartProblem } from './path-part.ts';

/** A text, or the number of a group. */
type Part = number | string;

const BACKSLASH = '\\';

/**
 * Why a substitution does not go with its expression; undefined when it does. As RE2 reads it: `\0` to `\9` are groups, `\\`
 * is a backslash, nothing else stands behind one.
 */
export function substitutionProblem(regex: string, substitution: string): string | undefined {
  const problem = pathPartProblem(substitution);
  if (problem !== undefined) return problem;
  const parts = parse(substitution);
  if (parts === undefined) return `"${substitution}": behind a backslash stands a digit or another backslash`;
  const groups = re2().compile(regex).groupCount();
  const beyond = parts.find((part) => typeof part === 'number' && part > groups);
  return beyond === undefined ? undefined : `"${substitution}": the expression has ${groups} groups, not ${beyond}`;
}

/** A rewrite by an expression, made ready. */
export class CompiledSubstitution {
  readonly #regex: RE2JS;
  readonly #parts: readonly Part[];
  /** Octets that may be looked at. */
  readonly #octets: number;

  constructor(regex: string, substitution: string) {
    this.#regex = re2().compile(regex);
    this.#octets = Math.floor(MAX_REWRITE_STEPS / this.#regex.programSize());
    this.#parts = (parse(substitution) ?? []).map((part) =>
      typeof part === 'string' ? escapeBeyondAscii(part) : part,
    );
  }

  /**
   * `text`, in ASCII, with every place replaced that the expression fits, from left to right and none of them twice; one
   * without octets that touches the one before is passed over (as RE2's GlobalReplace). Undefined beyond
   * `MAX_REWRITE_STEPS` or `MAX_REWRITTEN_PATH`.
   */
  apply(text: string): string | undefined {
    const matcher = this.#regex.matcher(text);
    let looked = 0;
    let out = '';
    let copied = 0;
    let lastEnd = -1;
    for (let from = 0; from <= text.length; ) {
      looked += text.length - from;
      if (looked > this.#octets || out.length > MAX_REWRITTEN_PATH) return undefined;
      if (!matcher.find(from)) break;
      const start = matcher.start();
      const end = matcher.end();
      if (end > start || start !== lastEnd) {
        out += text.slice(copied, start);
        for (const part of this.#parts) out += typeof part === 'number' ? (matcher.group(part) ?? '') : part;
        copied = end;
        lastEnd = end;
      }
      from = end > start ? end : end + 1;
    }
    if (lastEnd < 0) return text;
    out += text.slice(copied);
    return out.length > MAX_REWRITTEN_PATH ? undefined : out;
  }
}

function parse(substitution: string): readonly Part[] | undefined {
  const parts: Part[] = [];
  let text = '';
  for (let at = 0; at < substitution.length; at++) {
    const character = substitution.charAt(at);
    if (character !== BACKSLASH) {
      text += character;
      continue;
    }
    at++;
    const next = substitution.charAt(at);
    if (next === BACKSLASH) {
      text += BACKSLASH;
    } else if (next >= '0' && next <= '9') {
      if (text.length > 0) parts.push(text);
      text = '';
      parts.push(Number(next));
    } else {
      return undefined;
    }
  }
  if (text.length > 0) parts.push(text);
  return parts;
}

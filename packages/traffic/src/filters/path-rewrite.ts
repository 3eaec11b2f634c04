import { escapeBeyondAscii } from '../match/octets.ts';
import type { PathRewrite } from '../model/route-filters.ts';
import { isPlainPath, type NormalPath, normalizePath } from '../request/path.ts';
import { CompiledSubstitution } from './substitution.ts';

/** A rewrite of paths, made ready. What it makes is absolute and in normal form, or refused: a backend gets nothing else. */
export class CompiledPathRewrite {
  readonly #kind: PathRewrite['kind'];
  /** `full`: the path. `prefix`: the replacement. */
  readonly #text: string;
  /** `prefix`: in lower case. */
  readonly #prefix: string;
  readonly #bySegment: boolean;
  readonly #substitution: CompiledSubstitution | undefined;

  /** Of what `readPathRewrite` has accepted. */
  constructor(rewrite: PathRewrite) {
    this.#kind = rewrite.kind;
    this.#bySegment = rewrite.kind === 'prefix' && rewrite.bySegment;
    this.#prefix = rewrite.kind === 'prefix' ? partOf(rewrite.prefix, rewrite.bySegment).toLowerCase() : '';
    this.#text = textOf(rewrite);
    this.#substitution =
      rewrite.kind === 'regex' ? new CompiledSubstitution(rewrite.regex, rewrite.substitution) : undefined;
  }

  /** The path in place of `path`, which is in normal form and without query. `*` (RFC 9112 3.2.4) is no path and stays. */
  rewrite(path: string): NormalPath {
    if (path === '*') return { path };
    const rewritten = this.#rewritten(path);
    if (rewritten === undefined) return { refusal: 'path-too-long' };
    const absolute = rewritten.startsWith('/') ? rewritten : `/${rewritten}`;
    return isPlainPath(absolute) ? { path: absolute } : normalizePath(absolute);
  }

  #rewritten(path: string): string | undefined {
    switch (this.#kind) {
      case 'full':
        return this.#text;
      case 'prefix':
        return this.#withPrefix(path);
      case 'regex':
        return this.#substitution?.apply(path);
    }
  }

  #withPrefix(path: string): string {
    const { length } = this.#prefix;
    if (path.slice(0, length).toLowerCase() !== this.#prefix) return path;
    const rest = path.slice(length);
    if (!this.#bySegment) return this.#text + rest;
    if (rest.length > 0 && !rest.startsWith('/')) return path;
    // Exactly one slash in front: `//host/` at the beginning would be another host in a `Location`.
    return this.#text.length > 0 ? this.#text + rest : rest.replace(/^\/*/, '/');
  }
}

function textOf(rewrite: PathRewrite): string {
  switch (rewrite.kind) {
    case 'full': {
      const normal = normalizePath(escapeBeyondAscii(rewrite.path));
      if ('refusal' in normal) throw new RangeError(`a path is rewritten to ${rewrite.path}: ${normal.refusal}`);
      return normal.path;
    }
    case 'prefix': {
      const text = partOf(rewrite.replacement, rewrite.bySegment);
      return rewrite.bySegment && text.length > 0 ? text.replace(/^\/*/, '/') : text;
    }
    case 'regex':
      return '';
  }
}

/** As paths carry it; by segments without the slashes at its end. */
function partOf(text: string, bySegment: boolean): string {
  const escaped = escapeBeyondAscii(text);
  return bySegment ? escaped.replace(/\/+$/, '') : escaped;
}

const SLASH = 0x2f;

/**
 * A path with `{*}` for one segment that is not empty, and `{**}` for any number of octets, slashes among them, none too
 * (Istio, after Envoy's URI templates). Compared in one pass over the path: a segment ends at a slash, and what stands behind `{**}` is
 * the end of the path.
 */
export class PathTemplate {
  /** What stands between the operators before `{**}`. */
  readonly #parts: readonly string[];
  /** Behind `{**}`; undefined without one. */
  readonly #rest: string | undefined;

  /** `template` must be one that `templateProblem` does not object to. */
  constructor(template: string) {
    const at = template.indexOf(ANY_REST);
    this.#parts = (at < 0 ? template : template.slice(0, at)).split(ONE_SEGMENT);
    this.#rest = at < 0 ? undefined : template.slice(at + ANY_REST.length);
  }

  matches(path: string): boolean {
    let at = 0;
    for (const [index, part] of this.#parts.entries()) {
      if (index > 0) {
        const start = at;
        while (at < path.length && path.charCodeAt(at) !== SLASH) at++;
        if (at === start) return false;
      }
      if (!path.startsWith(part, at)) return false;
      at += part.length;
    }
    if (this.#rest === undefined) return at === path.length;
    return path.length - at >= this.#rest.length && path.endsWith(this.#rest);
  }
}

const ONE_SEGMENT = '{*}';
const ANY_REST = '{**}';

/** Whether a policy's path is a template: then everything in it but the operators is compared as it stands. */
export function isPathTemplate(text: string): boolean {
  return text.includes(ONE_SEGMENT) || text.includes(ANY_REST);
}

/** Why a template cannot be compared; undefined when it can. */
export function templateProblem(template: string): string | undefined {
  if (!template.startsWith('/')) return 'does not begin with a slash';
  for (const segment of template.split('/')) {
    if (segment !== ONE_SEGMENT && segment !== ANY_REST && /[{}*]/.test(segment)) {
      return `"${segment}" is no segment of a template: {*} and {**} stand alone between slashes, and no other wildcard does`;
    }
  }
  const first = template.indexOf(ANY_REST);
  if (first >= 0 && (template.includes(ANY_REST, first + 1) || template.includes(ONE_SEGMENT, first))) {
    return '{**} may stand only once, behind every other operator';
  }
  return undefined;
}

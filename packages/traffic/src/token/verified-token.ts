/** What a token claims: an object of JSON. Its properties are the issuer's words, so only own ones are looked at. */
export type Claims = Readonly<Record<string, unknown>>;

/** Claims that OAuth writes as one text of words between spaces (RFC 8693 4.2), and Istio's `permission`. */
const SPACE_DELIMITED: ReadonlySet<string> = new Set(['permission', 'scope']);

const NONE: readonly string[] = [];

/** A token whose signature, issuer, audience and times were found good: what policies, limits and routes may go by. */
export class VerifiedToken {
  readonly claims: Claims;
  /** `<issuer>/<subject>`; undefined when the token lacks one of them. */
  readonly principal: string | undefined;
  /** `aud`. */
  readonly audiences: readonly string[];
  /** `azp`. */
  readonly presenter: string | undefined;
  readonly #spaceDelimited: ReadonlySet<string>;

  /** `spaceDelimited`: claims, beside `scope` and `permission`, whose text is a list of words. */
  constructor(claims: Claims, spaceDelimited: readonly string[] = NONE) {
    this.claims = claims;
    const issuer = textOf(own(claims, 'iss'));
    const subject = textOf(own(claims, 'sub'));
    this.principal = issuer === undefined || subject === undefined ? undefined : `${issuer}/${subject}`;
    this.audiences = textsOf(own(claims, 'aud'));
    this.presenter = textOf(own(claims, 'azp'));
    this.#spaceDelimited =
      spaceDelimited.length === 0 ? SPACE_DELIMITED : new Set([...SPACE_DELIMITED, ...spaceDelimited]);
  }

  /** The texts of a claim by the keys on the way to it: of a text itself, of a list those in it. Of anything else none, as in Istio. */
  claimTexts(path: readonly string[]): readonly string[] {
    const value = this.claim(path);
    const [name = ''] = path;
    if (path.length === 1 && typeof value === 'string' && this.#spaceDelimited.has(name)) {
      return value.split(' ').filter((word) => word.length > 0);
    }
    return textsOf(value);
  }

  /** A claim by the keys on the way to it; undefined when it is not there. */
  claim(path: readonly string[]): unknown {
    let value: unknown = this.claims;
    for (const key of path) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
      value = own(value, key);
    }
    return value;
  }
}

function own(claims: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(claims, key)?.value;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.length > 0 ? value : undefined;
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : NONE;
}

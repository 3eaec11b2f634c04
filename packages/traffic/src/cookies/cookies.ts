import { MAX_COOKIE_PART } from '../limits.ts';

/** A cookie that clients are told to keep (RFC 6265 4.1). */
export interface SetCookie {
  readonly name: string;
  readonly value: string;
  /** Empty: none is said, so that clients take the directory of the request. */
  readonly path: string;
  /** How long it lasts; 0: for the session of the client. */
  readonly maxAgeS: number;
  readonly attributes: readonly { readonly name: string; readonly value: string }[];
}

/** The first value of that name in a `cookie` field, without quotes around it; undefined when there is none. */
export function cookieValue(field: string | undefined, name: string): string | undefined {
  if (field === undefined) return undefined;
  for (let start = 0; start < field.length; ) {
    const semicolon = field.indexOf(';', start);
    const end = semicolon < 0 ? field.length : semicolon;
    while (start < end && isBlank(field, start)) start++;
    if (field.startsWith(name, start) && field[start + name.length] === '=') {
      const value = field.slice(start + name.length + 1, end).trim();
      return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    }
    start = end + 1;
  }
  return undefined;
}

/** The value of a `set-cookie` field, written as Envoy writes it. Scripts do not see the cookie. */
export function setCookieField({ name, value, path, maxAgeS, attributes }: SetCookie): string {
  const parts = [
    `${name}="${value}"`,
    ...(maxAgeS > 0 ? [`Max-Age=${maxAgeS}`] : []),
    ...(path === '' ? [] : [`Path=${path}`]),
    ...attributes.map((attribute) =>
      attribute.value === '' ? attribute.name : `${attribute.name}=${attribute.value}`,
    ),
    'HttpOnly',
  ];
  return parts.join('; ');
}

/** What is wrong with the name of a cookie (RFC 6265 4.1.1: a token); undefined when nothing is. */
export function cookieNameProblem(name: string): string | undefined {
  if (name.length > MAX_COOKIE_PART) return tooLong(name);
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)
    ? undefined
    : `${JSON.stringify(name)} is not the name of a cookie`;
}

/** The same of a path, or of the name or value of an attribute: what ends neither the attribute nor the field. */
export function cookieAttributeProblem(text: string): string | undefined {
  if (text.length > MAX_COOKIE_PART) return tooLong(text);
  return /^[\x20-\x3a\x3c-\x7e]*$/.test(text) ? undefined : `${JSON.stringify(text)} cannot stand in a cookie`;
}

function tooLong(text: string): string {
  return `has ${text.length} characters, more than ${MAX_COOKIE_PART}`;
}

function isBlank(text: string, at: number): boolean {
  return text[at] === ' ' || text[at] === '\t';
}

import { fieldValue } from '../request/field-list.ts';
import type { RequestFacts } from '../request/request-facts.ts';
import { parseQuery } from '../request/query.ts';
import type { CompiledTokenRule } from './compiled-token-rule.ts';
import type { TokenFault } from './token-fault.ts';

/** Where tokens may be, and whose. */
export interface TokenPlace {
  readonly kind: 'cookie' | 'header' | 'parameter';
  readonly name: string;
  /** Of a header, in front of the token, in lower case; without the space at its end. */
  readonly prefix: string;
  /** The prefix is a word: white space follows. */
  readonly isWord: boolean;
  /** In order of precedence. */
  readonly rules: readonly CompiledTokenRule[];
}

export interface FoundToken {
  readonly place: TokenPlace;
  readonly text: string;
}

/** Every place once, with the rules that look there. */
export function placesOf(rules: readonly CompiledTokenRule[]): TokenPlace[] {
  const places = new Map<string, TokenPlace & { readonly rules: CompiledTokenRule[] }>();
  const add = (rule: CompiledTokenRule, kind: TokenPlace['kind'], name: string, written = ''): void => {
    const prefix = written.trimEnd().toLowerCase();
    const isWord = prefix.length < written.length;
    const key = [kind, name, prefix, isWord].join('\0');
    const place = places.get(key) ?? { kind, name, prefix, isWord, rules: [] };
    place.rules.push(rule);
    places.set(key, place);
  };
  for (const rule of rules) {
    for (const { name, prefix } of rule.model.headers) add(rule, 'header', name, prefix);
    for (const name of rule.model.parameters) add(rule, 'parameter', name);
    for (const name of rule.model.cookies) add(rule, 'cookie', name);
  }
  return [...places.values()];
}

/** What stands in a place; undefined: no token. Two of them are a fault: nobody can tell which one a backend would take. */
export function tokenAt(place: TokenPlace, facts: RequestFacts): FoundToken | TokenFault | undefined {
  const texts = textsAt(place, facts);
  const [text] = texts;
  if (text === undefined) return undefined;
  return texts.length > 1 ? 'several' : { place, text };
}

function textsAt(place: TokenPlace, facts: RequestFacts): readonly string[] {
  switch (place.kind) {
    case 'header':
      return inHeader(place, facts);
    case 'parameter':
      return facts.query === undefined ? [] : inQuery(place.name, facts.query);
    case 'cookie':
      return inCookies(place.name, fieldValue(facts.fields, 'cookie'));
  }
}

function inHeader(place: TokenPlace, { fields }: RequestFacts): readonly string[] {
  const texts: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    if (fields[at] !== place.name) continue;
    const text = behindPrefix(place, fields[at + 1] ?? '');
    if (text !== undefined) texts.push(text);
  }
  return texts;
}

/** The word `Bearer` is the same in any case (RFC 9110 11.1), so that nobody passes as a client without token by spelling it otherwise. */
function behindPrefix({ prefix, isWord }: TokenPlace, value: string): string | undefined {
  const at = placeOf(prefix, value);
  if (at < 0) return undefined;
  const rest = value.slice(at + prefix.length);
  if (isWord && !/^[ \t]/.test(rest)) return undefined;
  return rest.trim();
}

/** Nearly always it stands in front: a token is long, and need not be copied for that. */
function placeOf(prefix: string, value: string): number {
  if (value.slice(0, prefix.length).toLowerCase() === prefix) return 0;
  return value.toLowerCase().indexOf(prefix);
}

function inQuery(name: string, query: string): readonly string[] {
  const parameters = parseQuery(query);
  const texts: string[] = [];
  for (let at = 0; at + 1 < parameters.length; at += 2) {
    if (decoded(parameters[at] ?? '') === name) texts.push(decoded(parameters[at + 1] ?? ''));
  }
  return texts;
}

function inCookies(name: string, cookies: string | undefined): readonly string[] {
  if (cookies === undefined) return [];
  return cookies.split(';').flatMap((cookie) => {
    const equals = cookie.indexOf('=');
    if (equals < 0 || cookie.slice(0, equals).trim() !== name) return [];
    const value = cookie.slice(equals + 1).trim();
    return [value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1) : value];
  });
}

/** Backends decode names and values, and so does who looks for what they may find. */
function decoded(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The target of a request without these parameters, however their names are escaped. */
export function withoutParameters(target: string, names: ReadonlySet<string>): string {
  const question = target.indexOf('?');
  if (question < 0 || names.size === 0) return target;
  const hash = target.indexOf('#', question);
  const end = hash < 0 ? target.length : hash;
  const parts = target.slice(question + 1, end).split('&');
  const left = parts.filter((part) => !names.has(decoded(part.split('=', 1)[0] ?? '')));
  if (left.length === parts.length) return target;
  return target.slice(0, question) + (left.length === 0 ? '' : `?${left.join('&')}`) + target.slice(end);
}

/** A value of `cookie` without these; empty when none is left. */
export function withoutCookies(value: string, names: ReadonlySet<string>): string {
  const parts = value.split(';');
  const left = parts.filter((part) => !names.has(part.split('=', 1)[0]?.trim() ?? ''));
  return left.length === parts.length ? value : left.join(';').trim();
}

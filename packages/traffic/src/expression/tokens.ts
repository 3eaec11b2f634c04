import { AmbitError } from '@ambit/core/errors';

export type Token =
  | { readonly kind: 'end'; readonly at: number }
  | { readonly kind: 'name' | 'sign' | 'string'; readonly text: string; readonly at: number }
  | { readonly kind: 'int'; readonly value: number; readonly at: number };

/** Longer ones first. */
const SIGNS = ['&&', '||', '==', '!=', '<=', '>=', '<', '>', '!', '(', ')', '[', ']', ',', '.', '?', ':', '-'];
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\', '"': '"', "'": "'" };

/** `at`: where in the text, from 0. */
export function expressionError(at: number, message: string): AmbitError {
  return new AmbitError('AMBIT_EXPRESSION', `character ${at + 1}: ${message}`, { source: 'configuration' });
}

/** The tokens of an expression, the last of which is its end. Throws `AMBIT_EXPRESSION`. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    const space = /^\s+/.exec(rest);
    const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(rest);
    const digits = /^[0-9]+/.exec(rest);
    const sign = SIGNS.find((one) => rest.startsWith(one));
    if (space !== null) {
      at += space[0].length;
    } else if (name !== null) {
      tokens.push({ kind: 'name', text: name[0], at });
      at += name[0].length;
    } else if (digits !== null) {
      tokens.push({ kind: 'int', value: intOf(digits[0], rest, at), at });
      at += digits[0].length;
    } else if (rest.startsWith("'") || rest.startsWith('"')) {
      const { value, length } = stringOf(rest, at);
      tokens.push({ kind: 'string', text: value, at });
      at += length;
    } else if (sign !== undefined) {
      tokens.push({ kind: 'sign', text: sign, at });
      at += sign.length;
    } else {
      throw expressionError(at, `${JSON.stringify(rest[0])} is not known here`);
    }
  }
  tokens.push({ kind: 'end', at });
  return tokens;
}

function intOf(digits: string, rest: string, at: number): number {
  const value = Number(digits);
  if (/^[0-9]+[.A-Za-z_]/.test(rest)) throw expressionError(at, 'only whole decimal numbers are known');
  if (!Number.isSafeInteger(value)) throw expressionError(at, 'the number is too large');
  return value;
}

function stringOf(rest: string, at: number): { readonly value: string; readonly length: number } {
  const quote = rest[0];
  let value = '';
  for (let index = 1; index < rest.length; index += 1) {
    const character = rest[index] ?? '';
    if (character === quote) return { value, length: index + 1 };
    if (character !== '\\') {
      value += character;
      continue;
    }
    index += 1;
    const escaped = ESCAPES[rest[index] ?? ''];
    if (escaped === undefined) throw expressionError(at + index, 'this escape is not known here');
    value += escaped;
  }
  throw expressionError(at, 'the text does not end');
}

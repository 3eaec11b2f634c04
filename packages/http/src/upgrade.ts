import { consistsOf, TOKEN_OCTETS } from './internal/octets.ts';

/**
 * What this package speaks itself or leaves to others: HTTP/2 is found by its preface and never by an upgrade, TLS is taken
 * off before (RFC 9110 7.8 lets a server ignore what it does not want).
 */
const NEVER: ReadonlySet<string> = new Set(['h2', 'h2c', 'http', 'tls']);

/** The protocols of a field Upgrade that may be switched to; undefined when there are none. */
export function upgradeProtocols(value: string): string | undefined {
  const wanted: string[] = [];
  for (const part of value.split(',')) {
    const protocol = part.trim();
    const [name = '', version, more] = protocol.split('/');
    const isProtocol = isToken(name) && (version === undefined || isToken(version)) && more === undefined;
    if (isProtocol && !NEVER.has(name.toLowerCase())) wanted.push(protocol);
  }
  return wanted.length === 0 ? undefined : wanted.join(', ');
}

/** Whether a server's choice is among what was asked for: it may be several, one above the other. */
export function isAnswerTo(asked: string, chosen: string): boolean {
  const offered = new Set(namesOf(asked));
  return chosen.length > 0 && namesOf(chosen).every((name) => offered.has(name));
}

function namesOf(value: string): string[] {
  return value.split(',').map((part) => part.trim().toLowerCase());
}

function isToken(text: string): boolean {
  return text.length > 0 && consistsOf(text, TOKEN_OCTETS);
}

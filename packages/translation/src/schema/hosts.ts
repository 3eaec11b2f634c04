import { parseIp } from '@ambit/core/address';

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const HOST = new RegExp(String.raw`^(?:\*|(?:\*-?)?${LABEL})(?:\.${LABEL})*\.?$`);

/** A host as Istio's objects name it: a DNS name whose first label may be a wildcard or begin with one. */
export function isWildcardHost(text: string): boolean {
  return text.length <= 255 && HOST.test(text);
}

/** The same, or an IP address. */
export function isHostOrAddress(text: string): boolean {
  return isWildcardHost(text) || parseIp(text) !== undefined;
}

/** Whether two hosts, possibly wildcards, stand for a name together. */
export function hostsOverlap(one: string, other: string): boolean {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()];
  if (!a.startsWith('*') && !b.startsWith('*')) return a === b;
  const [suffix, otherSuffix] = [a.replace(/^\*/, ''), b.replace(/^\*/, '')];
  if (a.startsWith('*') && suffix.length <= otherSuffix.length) return b.endsWith(suffix);
  return b.startsWith('*') && a.endsWith(otherSuffix);
}

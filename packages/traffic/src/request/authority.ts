import { MAX_HOSTNAME_LENGTH } from '../limits.ts';

/** What `:authority` names: letters, digits and `.-_~`, or an IPv6 address in brackets. The codecs take nothing else. */
const HOST = /^(?:[0-9A-Za-z._~-]+|\[[0-9A-Fa-f:.]{2,45}\])$/;

/** Where the port of an authority begins, behind its colon; 0 when there is none. */
export function portAt(authority: string): number {
  const colon = authority.lastIndexOf(':');
  // The colons of an IPv6 address stand in brackets.
  return colon > 0 && colon > authority.lastIndexOf(']') ? colon + 1 : 0;
}

/** The authority without its port. */
export function hostOf(authority: string): string {
  const at = portAt(authority);
  return at === 0 ? authority : authority.slice(0, at - 1);
}

/** Why a text cannot be the host of an authority, written without a port; undefined when it can. */
export function hostProblem(host: string): string | undefined {
  if (host.length > MAX_HOSTNAME_LENGTH) return `has ${host.length} characters, more than ${MAX_HOSTNAME_LENGTH}`;
  return HOST.test(host)
    ? undefined
    : `"${host}" is not a host (letters, digits, ".-_~", or an IPv6 address in brackets)`;
}

/** Why a text cannot stand in `:authority`; undefined when it can. */
export function authorityProblem(authority: string): string | undefined {
  const at = portAt(authority);
  if (at > 0) {
    const port = authority.slice(at);
    if (!/^[0-9]{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
      return `"${port}" in "${authority}" is not a port (1 to 65535)`;
    }
  }
  return hostProblem(hostOf(authority));
}

/** A host without the dot that may end a name of the DNS: both are the same host. */
export function withoutFinalDot(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

import type { MessageInitShape } from '@bufbuild/protobuf';
import type { NamedMatchSchema } from '@ambit/proto/waypoint';
import type { TextMatch, VirtualHttpMatch } from '../../traffic-objects.ts';
import type { HttpMatchInit, StringMatchInit } from './route-rule.ts';

/** A match of a VirtualService without its port. */
export function virtualMatch(match: VirtualHttpMatch): HttpMatchInit {
  const { uri, scheme, method, authority, ignoreUriCase = false } = match;
  return {
    ...(uri === undefined ? {} : { path: text(uri, ignoreUriCase) }),
    ...(scheme === undefined ? {} : { scheme: text(scheme) }),
    ...(method === undefined ? {} : { method: text(method) }),
    // Names of hosts are the same in any case (RFC 3986 3.2.2).
    ...(authority === undefined ? {} : { authority: text(authority, true) }),
    headers: named(match.headers, (name) => name.toLowerCase()),
    withoutHeaders: named(match.withoutHeaders, (name) => name.toLowerCase()),
    queryParameters: named(match.queryParams, (name) => name),
  };
}

function text(match: TextMatch, ignoreCase = false): StringMatchInit {
  const { exact, prefix, regex } = match;
  if (regex !== undefined) return { kind: { case: 'regex', value: regex } };
  return prefix === undefined
    ? { kind: { case: 'exact', value: exact ?? '' }, ignoreCase }
    : { kind: { case: 'prefix', value: prefix }, ignoreCase };
}

function named(
  matches: Readonly<Record<string, TextMatch>> | undefined,
  nameOf: (name: string) => string,
): MessageInitShape<typeof NamedMatchSchema>[] {
  return Object.entries(matches ?? {})
    .map(([name, match]) => ({
      name: nameOf(name),
      value: isPresence(match) ? ({ kind: { case: 'present', value: true } } as const) : text(match),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Istio: nothing to compare with, or the expression `*`, asks only whether the name is there. */
function isPresence({ exact = '', prefix = '', regex = '' }: TextMatch): boolean {
  return exact === '' && prefix === '' && (regex === '' || regex === '*');
}

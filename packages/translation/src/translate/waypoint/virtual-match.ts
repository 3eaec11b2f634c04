import type { MessageInitShape } from '@bufbuild/protobuf';
import type { NamedMatchSchema, SourceMatchSchema } from '@ambit/proto/waypoint';
import type { TextMatch, VirtualHttpMatch } from '../../traffic-objects.ts';
import type { HttpMatchInit, StringMatchInit } from './matches.ts';
import type { SourceWorkloads } from './source-workloads.ts';

/** A match of a VirtualService without its port. */
export function virtualMatch(match: VirtualHttpMatch, sources: SourceWorkloads): HttpMatchInit {
  const { uri, scheme, method, authority, ignoreUriCase = false } = match;
  const source = sourceOf(match, sources);
  return {
    ...(uri === undefined ? {} : { path: textMatch(uri, ignoreUriCase) }),
    ...(scheme === undefined ? {} : { scheme: textMatch(scheme) }),
    ...(method === undefined ? {} : { method: textMatch(method) }),
    // Names of hosts are the same in any case (RFC 3986 3.2.2).
    ...(authority === undefined ? {} : { authority: textMatch(authority, true) }),
    headers: named(match.headers, (name) => name.toLowerCase()),
    withoutHeaders: named(match.withoutHeaders, (name) => name.toLowerCase()),
    queryParameters: named(match.queryParams, (name) => name),
    ...(source === undefined ? {} : { source }),
  };
}

/** One of exact, prefix and regex. */
export function textMatch({ exact, prefix, regex }: TextMatch, ignoreCase = false): StringMatchInit {
  if (regex !== undefined) return { kind: { case: 'regex', value: regex } };
  return prefix === undefined
    ? { kind: { case: 'exact', value: exact ?? '' }, ignoreCase }
    : { kind: { case: 'prefix', value: prefix }, ignoreCase };
}

/** Uids of the workloads that may be the client by a match's labels; none are asked for without labels. */
export function sourceWorkloadsOf(
  { sourceLabels = {}, sourceNamespace = '' }: VirtualHttpMatch,
  sources: SourceWorkloads,
): readonly string[] {
  return Object.keys(sourceLabels).length === 0 ? [] : sources.uidsWith(sourceLabels, sourceNamespace);
}

/** Istio takes the labels and the namespace of the proxy that it configures for the client's. */
function sourceOf(
  match: VirtualHttpMatch,
  sources: SourceWorkloads,
): MessageInitShape<typeof SourceMatchSchema> | undefined {
  const { sourceLabels = {}, sourceNamespace: namespace = '' } = match;
  const byWorkload = Object.keys(sourceLabels).length > 0;
  if (!byWorkload && namespace === '') return undefined;
  return { namespace, byWorkload, workloadUids: [...sourceWorkloadsOf(match, sources)] };
}

function named(
  matches: Readonly<Record<string, TextMatch>> | undefined,
  nameOf: (name: string) => string,
): MessageInitShape<typeof NamedMatchSchema>[] {
  return Object.entries(matches ?? {})
    .map(([name, match]) => ({
      name: nameOf(name),
      value: isPresence(match) ? ({ kind: { case: 'present', value: true } } as const) : textMatch(match),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Istio: nothing to compare with, or the expression `*`, asks only whether the name is there. */
export function isPresence(match: TextMatch): boolean {
  return Object.keys(match).length === 0 || match.regex === '*';
}

import type { MessageInitShape } from '@bufbuild/protobuf';
import type { PathRewriteSchema } from '@ambit/proto/waypoint';
import type { TextMatch, VirtualHttpMatch, VirtualHttpRoute } from '../../traffic-objects.ts';

export type PathRewriteInit = MessageInitShape<typeof PathRewriteSchema>;

/** Matches of a route whose requests get the same path. */
export interface PathGroup {
  readonly matches: readonly VirtualHttpMatch[];
  /** Undefined: the request's. */
  readonly path: PathRewriteInit | undefined;
}

/**
 * What a rewrite or redirect puts in place of a path depends on how it was matched (Envoy): in place of the prefix that a
 * prefix found, else of the whole path. So matches of one route may need routes of their own; their order stays.
 */
export function pathGroups(route: VirtualHttpRoute, matches: readonly VirtualHttpMatch[]): PathGroup[] {
  if (matches.length === 0) return [{ matches, path: pathFor(route, undefined) }];
  const groups: { matches: VirtualHttpMatch[]; path: PathRewriteInit | undefined }[] = [];
  for (const match of matches) {
    const path = pathFor(route, match.uri);
    const last = groups.at(-1);
    if (last !== undefined && JSON.stringify(last.path) === JSON.stringify(path)) last.matches.push(match);
    else groups.push({ matches: [match], path });
  }
  return groups;
}

function pathFor({ rewrite, redirect }: VirtualHttpRoute, uri: TextMatch | undefined): PathRewriteInit | undefined {
  if (redirect !== undefined) {
    const { uri: full = '', prefixRewrite = '' } = redirect;
    if (full !== '') return { kind: { case: 'full', value: full } };
    return prefixRewrite === '' ? undefined : inPlaceOf(uri, prefixRewrite);
  }
  const { match = '', rewrite: substitution = '' } = rewrite?.uriRegexRewrite ?? {};
  if (match !== '') return { kind: { case: 'regex', value: { regex: match, substitution } } };
  const replacement = rewrite?.uri ?? '';
  return replacement === '' ? undefined : inPlaceOf(uri, replacement);
}

function inPlaceOf(uri: TextMatch | undefined, replacement: string): PathRewriteInit {
  const prefix = uri === undefined ? '/' : uri.prefix;
  return prefix === undefined
    ? { kind: { case: 'full', value: replacement } }
    : { kind: { case: 'prefix', value: { prefix, replacement } } };
}

import type { TextMatch, VirtualHttpMatch, VirtualHttpRoute } from '../../traffic-objects.ts';
import { isPresence } from './virtual-match.ts';

type TextMatches = Readonly<Record<string, TextMatch>> | undefined;

/**
 * A route of a delegate with what the route that delegates to it adds: its matches are narrowed, what it does not say is
 * taken over (Istio). Undefined when one of its matches is no part of what the other lets through.
 */
export function mergeRoutes(root: VirtualHttpRoute, delegate: VirtualHttpRoute): VirtualHttpRoute | undefined {
  const match = mergeMatchLists(root.match ?? [], delegate.match ?? []);
  if (match === undefined) return undefined;
  const names = [root.name, delegate.name].filter((name) => name !== undefined && name !== '');
  return { ...root, ...delegate, match, ...(names.length === 0 ? {} : { name: names.join('-') }) };
}

function mergeMatchLists(
  root: readonly VirtualHttpMatch[],
  delegate: readonly VirtualHttpMatch[],
): readonly VirtualHttpMatch[] | undefined {
  if (root.length === 0) return delegate;
  if (delegate.length === 0) return root;
  const merged = delegate.map((match) => root.flatMap((outer) => mergeMatches(outer, match) ?? []));
  return merged.some((matches) => matches.length === 0) ? undefined : merged.flat();
}

function mergeMatches(root: VirtualHttpMatch, delegate: VirtualHttpMatch): VirtualHttpMatch | undefined {
  const isNarrower =
    (['uri', 'scheme', 'method', 'authority'] as const).every((field) => narrows(root[field], delegate[field])) &&
    allNarrow(root.headers, delegate.headers) &&
    allNarrow(root.queryParams, delegate.queryParams) &&
    agree(root.withoutHeaders, delegate.withoutHeaders) &&
    agree(root.sourceLabels, delegate.sourceLabels) &&
    (root.ignoreUriCase ?? false) === (delegate.ignoreUriCase ?? false) &&
    (['port', 'sourceNamespace'] as const).every((field) => {
      const [outer, inner] = [root[field] ?? '', delegate[field] ?? ''];
      return outer === '' || inner === '' || outer === inner;
    });
  if (!isNarrower) return undefined;
  const gateways = [root.gateways, delegate.gateways].filter((names) => names !== undefined && names.length > 0);
  return {
    ...root,
    ...delegate,
    headers: { ...root.headers, ...delegate.headers },
    withoutHeaders: { ...root.withoutHeaders, ...delegate.withoutHeaders },
    queryParams: { ...root.queryParams, ...delegate.queryParams },
    sourceLabels: { ...root.sourceLabels, ...delegate.sourceLabels },
    // Both must be for the mesh, and nothing else is asked of them here.
    gateways: gateways.find((names) => names?.includes('mesh') === false) ?? [],
  };
}

/** Whether what fits the second fits the first too; absent: everything fits. */
function narrows(root: TextMatch | undefined, delegate: TextMatch | undefined): boolean {
  if (root === undefined || delegate === undefined || isPresence(root)) return true;
  if (root.exact !== undefined) return root.exact === delegate.exact;
  if (root.prefix === undefined) return root.regex === delegate.regex;
  return (delegate.exact ?? delegate.prefix)?.startsWith(root.prefix) === true;
}

function allNarrow(root: TextMatches, delegate: TextMatches): boolean {
  return Object.entries(delegate ?? {}).every(([name, match]) => narrows(root?.[name], match));
}

/** Whether two maps say the same where they speak of the same. */
function agree(
  root: Readonly<Record<string, unknown>> = {},
  delegate: Readonly<Record<string, unknown>> = {},
): boolean {
  return Object.entries(delegate).every(
    ([name, value]) => root[name] === undefined || JSON.stringify(root[name]) === JSON.stringify(value),
  );
}

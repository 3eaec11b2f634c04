import type {
  DestinationRule,
  TextMatch,
  VirtualDestination,
  VirtualHttpMatch,
  VirtualHttpRoute,
  VirtualService,
} from '../traffic-objects.ts';
import type { ReportAt } from './relations.ts';

type Path = readonly (number | string)[];

export function checkVirtualService({ spec }: VirtualService, report: ReportAt): void {
  const { hosts = [], http = [], tcp = [], tls = [] } = spec;
  if (hosts.length === 0) report(['spec', 'hosts'], 'needs one host at least');
  if (http.length + tcp.length + tls.length === 0) report(['spec'], 'needs one route at least, under http, tls or tcp');
  http.forEach((route, index) => checkHttp(route, ['spec', 'http', index], report));
  tcp.forEach(({ route = [] }, index) => {
    if (route.length === 0) report(['spec', 'tcp', index, 'route'], 'needs one destination at least');
    checkWeights(route, ['spec', 'tcp', index, 'route'], report);
  });
}

function checkHttp(route: VirtualHttpRoute, path: Path, report: ReportAt): void {
  const { match = [], route: destinations = [], redirect, directResponse, delegate } = route;
  const actions = [
    destinations.length > 0,
    redirect !== undefined,
    directResponse !== undefined,
    delegate !== undefined,
  ];
  const count = actions.filter(Boolean).length;
  if (count !== 1) report(path, 'needs exactly one of route, redirect, directResponse and delegate');
  checkWeights(destinations, [...path, 'route'], report);
  match.forEach((one, index) => checkMatch(one, [...path, 'match', index], report));
}

function checkMatch(match: VirtualHttpMatch, path: Path, report: ReportAt): void {
  for (const field of ['uri', 'scheme', 'method', 'authority'] as const) {
    const text = match[field];
    if (text !== undefined && Object.keys(text).length === 0) report([...path, field], 'needs exact, prefix or regex');
    checkText(text, [...path, field], report);
  }
  for (const field of ['headers', 'withoutHeaders', 'queryParams'] as const) {
    for (const [name, text] of Object.entries(match[field] ?? {})) checkText(text, [...path, field, name], report);
  }
}

function checkText(text: TextMatch | undefined, path: Path, report: ReportAt): void {
  if (Object.keys(text ?? {}).length > 1) report(path, 'only one of exact, prefix and regex may be given');
}

function checkWeights(destinations: readonly VirtualDestination[], path: Path, report: ReportAt): void {
  if (destinations.length < 2) return;
  const total = destinations.reduce((sum, { weight = 0 }) => sum + weight, 0);
  if (total === 0) report(path, 'the weights add up to 0', 'give each destination its share');
}

export function checkDestinationRule({ spec }: DestinationRule, report: ReportAt): void {
  const names = new Set<string>();
  (spec.subsets ?? []).forEach(({ name }, index) => {
    if (names.has(name)) report(['spec', 'subsets', index, 'name'], `another subset is called ${name} too`);
    names.add(name);
  });
  for (const [place, policy] of [
    [['spec', 'trafficPolicy'], spec.trafficPolicy] as const,
    ...(spec.subsets ?? []).map(
      ({ trafficPolicy }, index) => [['spec', 'subsets', index, 'trafficPolicy'], trafficPolicy] as const,
    ),
  ]) {
    (policy?.portLevelSettings ?? []).forEach(({ port }, index) => {
      if (port?.number === undefined) report([...place, 'portLevelSettings', index, 'port'], 'needs a number');
    });
  }
}

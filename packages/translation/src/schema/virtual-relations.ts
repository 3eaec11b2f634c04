import { quoted } from '../manifest/problem.ts';
import type { VirtualService, VirtualTlsMatch } from '../traffic-objects.ts';
import { checkExportTo } from './export-relations.ts';
import { hostsOverlap, isHostOrAddress, isWildcardHost } from './hosts.ts';
import type { Path, ReportAt } from './relations.ts';
import { checkDestinations, checkHttpRoute } from './virtual-http-relations.ts';

/** What Istio's webhook asks of a VirtualService. One without hosts is for others to delegate to. */
export function checkVirtualService({ spec }: VirtualService, report: ReportAt): void {
  const { hosts = [], gateways = [], http = [], tcp = [], tls = [] } = spec;
  const isDelegate = hosts.length === 0;
  if (isDelegate) {
    for (const field of ['gateways', 'tls', 'tcp'] as const) {
      if ((spec[field] ?? []).length === 0) continue;
      report(['spec', field], 'does not go without hosts', 'an object without hosts is for others to delegate to');
    }
  }
  checkHosts(hosts, gateways.length === 0 || gateways.includes('mesh'), report);
  checkExportTo(spec.exportTo, report);
  if (http.length + tcp.length + tls.length === 0) report(['spec'], 'needs one route at least, under http, tls or tcp');
  http.forEach((route, index) => {
    checkHttpRoute(route, ['spec', 'http', index], isDelegate, report);
  });
  tls.forEach(({ match = [], route = [] }, index) => {
    const path = ['spec', 'tls', index];
    if (match.length === 0) report([...path, 'match'], 'needs one match at least');
    match.forEach((one, position) => {
      checkServerNames(one, hosts, [...path, 'match', position, 'sniHosts'], report);
    });
    if (route.length === 0) report([...path, 'route'], 'needs one destination at least');
    checkDestinations(route, [...path, 'route'], report);
  });
  tcp.forEach(({ route = [] }, index) => {
    if (route.length === 0) report(['spec', 'tcp', index, 'route'], 'needs one destination at least');
    checkDestinations(route, ['spec', 'tcp', index, 'route'], report);
  });
}

function checkHosts(hosts: readonly string[], isForMesh: boolean, report: ReportAt): void {
  hosts.forEach((host, index) => {
    const path = ['spec', 'hosts', index];
    if (!isHostOrAddress(host)) report(path, `${quoted(host)} is not the name of a host`);
    else if (isForMesh && host === '*') report(path, '* alone is for gateways only', 'name the hosts');
    const earlier = hosts.slice(0, index).find((other) => hostsOverlap(other, host));
    if (earlier !== undefined) report(path, `${quoted(host)} and ${quoted(earlier)} stand for the same hosts`);
  });
}

function checkServerNames(
  { sniHosts = [] }: VirtualTlsMatch,
  hosts: readonly string[],
  path: Path,
  report: ReportAt,
): void {
  if (sniHosts.length === 0) report(path, 'needs one name at least');
  sniHosts.forEach((name, index) => {
    if (!isWildcardHost(name)) report([...path, index], `${quoted(name)} is not the name of a host`);
    else if (!hosts.some((host) => covers(host, name))) {
      report([...path, index], `${quoted(name)} is none of the hosts of the object`);
    }
  });
}

/** Whether every name that the second stands for is one that the first stands for. */
function covers(host: string, name: string): boolean {
  return host === name || (host.startsWith('*') && name.endsWith(host.slice(1)));
}

import { parseIp } from '@ambit/core/address';
import { parseCidr } from '@ambit/core/cidr';
import type { ServiceEntry, WorkloadEntry, WorkloadEntrySpec } from '../entry-objects.ts';
import { quoted } from '../manifest/problem.ts';
import { checkExportTo } from './export-relations.ts';
import { isDnsName } from './formats.ts';
import { isWildcardHost } from './hosts.ts';
import type { Path, ReportAt } from './relations.ts';

/** What the CustomResourceDefinition and Istio's webhook ask of a ServiceEntry. */
export function checkServiceEntry({ spec }: ServiceEntry, report: ReportAt): void {
  const { hosts, addresses = [], ports = [], endpoints, workloadSelector, resolution = 'NONE' } = spec;
  if (hosts.length === 0) report(['spec', 'hosts'], 'needs one host at least');
  hosts.forEach((host, index) => {
    const path = ['spec', 'hosts', index];
    if (host === '*') report(path, '* alone stands for every host', 'name the hosts');
    else if (!isWildcardHost(host)) report(path, `${quoted(host)} is not the name of a host`);
    if (hosts.indexOf(host) !== index) report(path, `${quoted(host)} stands twice`);
  });
  addresses.forEach((address, index) => {
    const path = ['spec', 'addresses', index];
    if (parseCidr(address) === undefined) report(path, `${quoted(address)} is neither an IP address nor a prefix`);
    else if (address.includes('/') && resolution !== 'NONE' && resolution !== 'STATIC') {
      report(path, 'a prefix goes with resolution NONE or STATIC only');
    }
  });
  ports.forEach(({ name, number }, index) => {
    const others = ports.slice(0, index);
    if (others.some((other) => other.name === name))
      report(['spec', 'ports', index, 'name'], `another port is called ${name} too`);
    if (others.some((other) => other.number === number))
      report(['spec', 'ports', index, 'number'], `${number} stands there twice`);
  });
  if (endpoints !== undefined && workloadSelector !== undefined) {
    report(['spec', 'workloadSelector'], 'excludes endpoints', 'name the endpoints, or select them');
  }
  if (endpoints !== undefined && resolution === 'NONE') {
    report(['spec', 'endpoints'], 'does not go with resolution NONE', 'write resolution: STATIC or DNS');
  }
  if (resolution === 'DNS_ROUND_ROBIN' && (endpoints ?? []).length > 1) {
    report(['spec', 'endpoints'], 'with resolution DNS_ROUND_ROBIN there is one at most');
  }
  (endpoints ?? []).forEach((endpoint, index) => {
    checkEndpoint(endpoint, ['spec', 'endpoints', index], report);
    if (resolution === 'STATIC' && isHostname(endpoint.address)) {
      report(['spec', 'endpoints', index, 'address'], 'is no IP address, which resolution STATIC needs');
    }
  });
  checkExportTo(spec.exportTo, report);
}

export function checkWorkloadEntry({ spec }: WorkloadEntry, report: ReportAt): void {
  checkEndpoint(spec, ['spec'], report);
}

function checkEndpoint({ address, network, ports }: WorkloadEntrySpec, path: Path, report: ReportAt): void {
  const at = [...path, 'address'];
  if (address === undefined || address === '') {
    if (network === undefined || network === '') report(at, 'is required and missing');
    return;
  }
  if (address.startsWith('unix://')) {
    if (ports !== undefined) report([...path, 'ports'], 'do not go with a Unix socket');
  } else if (parseIp(address) === undefined && !isHostname(address)) {
    report(at, `${quoted(address)} is neither an IP address nor the name of a host`);
  }
}

/** Whether an endpoint is known by a name that has to be resolved. */
function isHostname(address: string | undefined): boolean {
  if (address === undefined || parseIp(address) !== undefined) return false;
  return isDnsName(address.toLowerCase().replace(/\.$/, '')) && !/(?:^|\.)[0-9]+$/.test(address);
}

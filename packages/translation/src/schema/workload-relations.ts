import { isIpv6, parseIp } from '@ambit/core/address';
import { quoted } from '../manifest/problem.ts';
import { selectorHolds } from '../labels.ts';
import type { Container, Deployment, EndpointSlice, PodSpec, Service } from '../objects.ts';
import { isDnsName } from './formats.ts';
import type { ReportAt } from './relations.ts';

type Path = readonly (number | string)[];

/** Rules of a pod that the API server has beside its fields. */
export function checkPodSpec(spec: PodSpec, path: Path, report: ReportAt): void {
  if (spec.containers.length === 0) report([...path, 'containers'], 'needs one container at least');
  const seen = new Set<string>();
  for (const list of ['initContainers', 'containers'] as const) {
    (spec[list] ?? []).forEach((container, index) => {
      const place = [...path, list, index];
      if (seen.has(container.name)) report([...place, 'name'], `another container is called ${container.name} too`);
      seen.add(container.name);
      checkContainerPorts(container, place, report);
    });
  }
}

function checkContainerPorts(container: Container, path: Path, report: ReportAt): void {
  const names = new Set<string>();
  (container.ports ?? []).forEach(({ name }, index) => {
    if (name === undefined) return;
    if (names.has(name))
      report([...path, 'ports', index, 'name'], `another port of the container is called ${name} too`);
    names.add(name);
  });
}

export function checkService({ spec }: Service, report: ReportAt): void {
  const ports = spec.ports ?? [];
  if (spec.type === 'ExternalName') {
    if (spec.externalName === undefined || !isDnsName(spec.externalName)) {
      report(['spec', 'externalName'], 'a Service of type ExternalName needs the DNS name it stands for');
    }
    if (spec.clusterIP !== undefined && spec.clusterIP !== '') {
      report(['spec', 'clusterIP'], 'a Service of type ExternalName has no cluster IP');
    }
    return;
  }
  if (ports.length === 0 && spec.clusterIP !== 'None')
    report(['spec', 'ports'], 'needs one port at least', 'only headless Services have none');
  if (spec.clusterIPs !== undefined && spec.clusterIP !== undefined && spec.clusterIPs[0] !== spec.clusterIP) {
    report(['spec', 'clusterIPs', 0], 'differs from clusterIP');
  }
  const names = new Set<string>();
  const numbers = new Set<string>();
  ports.forEach(({ name, port, protocol }, index) => {
    if (ports.length > 1 && (name === undefined || name === '')) {
      report(['spec', 'ports', index], 'needs a name', 'a Service with several ports names each of them');
    }
    if (name !== undefined && names.has(name))
      report(['spec', 'ports', index, 'name'], `another port is called ${name} too`);
    const number = `${protocol ?? 'TCP'} ${port}`;
    if (numbers.has(number)) report(['spec', 'ports', index, 'port'], `${number} stands there twice`);
    if (name !== undefined) names.add(name);
    numbers.add(number);
  });
}

export function checkEndpointSlice(slice: EndpointSlice, report: ReportAt): void {
  slice.endpoints.forEach(({ addresses }, index) => {
    if (addresses.length === 0) report(['endpoints', index, 'addresses'], 'needs one address at least');
    addresses.forEach((address, position) => {
      if (fitsAddressType(address, slice.addressType)) return;
      report(
        ['endpoints', index, 'addresses', position],
        `${quoted(address)} is not an address of type ${slice.addressType}`,
      );
    });
  });
}

function fitsAddressType(address: string, type: EndpointSlice['addressType']): boolean {
  if (type === 'FQDN') return isDnsName(address);
  const ip = parseIp(address);
  return ip !== undefined && isIpv6(ip) === (type === 'IPv6');
}

export function checkDeployment({ spec }: Deployment, report: ReportAt): void {
  checkPodSpec(spec.template.spec, ['spec', 'template', 'spec'], report);
  const labels = spec.template.metadata?.labels;
  const { matchLabels = {}, matchExpressions = [] } = spec.selector;
  if (Object.keys(matchLabels).length === 0 && matchExpressions.length === 0) {
    report(['spec', 'selector'], 'must select the pods of the template', 'an empty selector selects nothing here');
  }
  if (!selectorHolds(spec.selector, labels)) {
    report(
      ['spec', 'template', 'metadata', 'labels'],
      'do not fit spec.selector',
      'the Deployment would not find its own pods',
    );
  }
}

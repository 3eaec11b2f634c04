import type { BackendTlsPolicy } from '../gateway-objects.ts';
import { quoted } from '../manifest/problem.ts';
import type { ReportAt } from './relations.ts';

/** What the CustomResourceDefinition asks of a BackendTLSPolicy by rules. */
export function checkBackendTlsPolicy({ spec: { validation, targetRefs } }: BackendTlsPolicy, report: ReportAt): void {
  const path = ['spec', 'validation'];
  const { caCertificateRefs = [], wellKnownCACertificates = '', subjectAltNames = [] } = validation;
  if (caCertificateRefs.length > 0 === (wellKnownCACertificates !== '')) {
    report(path, 'needs either caCertificateRefs or wellKnownCACertificates, and not both');
  }
  for (const [index, { type, hostname = '', uri = '' }] of subjectAltNames.entries()) {
    const [wanted, other] = type === 'URI' ? [uri, hostname] : [hostname, uri];
    const field = type === 'URI' ? 'uri' : 'hostname';
    if (wanted === '' || other !== '')
      report([...path, 'subjectAltNames', index], `of type ${type} needs ${field} alone`);
  }
  const seen = new Set<string>();
  for (const [index, { group, kind, name, sectionName = '' }] of targetRefs.entries()) {
    const key = [group, kind, name, sectionName].join('/');
    if (seen.has(key)) report(['spec', 'targetRefs', index], `${quoted(name)} is named twice`);
    seen.add(key);
  }
}

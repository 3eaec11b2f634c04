import { create } from '@bufbuild/protobuf';
import { type ClientCertificate, ClientCertificateSchema, type ServedService } from '@ambit/proto/waypoint';
import type { SecretCertificates } from './secret-certificates.ts';

/** The certificates that clusters name, for each waypoint those that its own clusters name; by name of the resource. */
export function clientCertificates(
  services: Iterable<ServedService>,
  secrets: SecretCertificates,
): Map<string, ClientCertificate> {
  const result = new Map<string, ClientCertificate>();
  for (const { waypointNamespace, waypointName, clusters } of services) {
    for (const { upstreamTls } of clusters) {
      const name = upstreamTls?.clientCertificate ?? '';
      const resource = `${waypointNamespace}/${waypointName}/${name}`;
      if (name === '' || result.has(resource)) continue;
      const { own } = secrets.of(waypointNamespace, name.slice(name.indexOf('/') + 1));
      if ('problem' in own) continue;
      result.set(resource, create(ClientCertificateSchema, { waypointNamespace, waypointName, name, ...own }));
    }
  }
  return result;
}

import { formatSpiffeId } from '@ambit/core/spiffe';
import { dumpMesh } from '@ambit/mesh/config-dump';
import type { IdentityState } from '@ambit/identity/certificate';
import { X509Certificate } from 'node:crypto';
import type { Config } from '../config.ts';
import type { Certificates } from '@ambit/proxy/certificates';
import type { DataThreads } from '@ambit/proxy/thread/data-threads';
import type { Command, NodeStart, Report } from '../messages.ts';
import type { Pods } from '../control/pods.ts';
import type { Resources } from '@ambit/proxy/resources';
import type { LiveConnection } from '../messages.ts';

export interface DumpSources {
  readonly config: Config;
  readonly threads: DataThreads<Command, Report, NodeStart>;
  readonly pods: Pods;
  readonly certificates: Certificates;
  readonly resources: Resources;
}

/** The state of the proxy, with the keys that `istioctl ztunnel-config` reads. Private keys are never part of it. */
export async function configDump(sources: DumpSources): Promise<Record<string, unknown>> {
  const { config, resources, certificates } = sources;
  return {
    ...dumpMesh(resources.store),
    staticConfig: {},
    version: { component: 'ztunnel', generation: resources.generation },
    config,
    certificates: certificates.store
      .identities()
      .map((identity) => describeIdentity(formatSpiffeId(identity), certificates.store.state(identity))),
    workloadState: await workloadState(sources),
  };
}

async function workloadState({ threads, pods }: DumpSources): Promise<Record<string, unknown>> {
  const connections = new Map<string, LiveConnection[]>();
  for (const report of await threads.ask((ticket) => ({ kind: 'connections', ticket }))) {
    if (report.kind !== 'listed') continue;
    for (const [uid, list] of Object.entries(report.connections))
      connections.set(uid, [...(connections.get(uid) ?? []), ...list]);
  }
  const entries = pods.list().map(({ info }) => {
    const own = connections.get(info.uid) ?? [];
    const side = (direction: LiveConnection['direction']): unknown[] =>
      own
        .filter((connection) => connection.direction === direction)
        .map(({ src, originalDst, actualDst, protocol }) => ({ src, originalDst, actualDst, protocol }));
    const { name, namespace, serviceAccount } = info;
    return [
      info.uid,
      {
        state: 'Up',
        connections: { inbound: side('inbound'), outbound: side('outbound') },
        info: { name, namespace, serviceAccount },
      },
    ];
  });
  return Object.fromEntries(entries) as Record<string, unknown>;
}

function describeIdentity(identity: string, state: IdentityState | undefined): Record<string, unknown> {
  if (state === undefined || state.phase === 'initializing') return { identity, state: 'Initializing' };
  if (state.phase !== 'available') return { identity, state: 'Unavailable', error: state.failure?.message };
  const { certificateChainPem, rootsPem } = state.certificate;
  return {
    identity,
    state: 'Available',
    certChain: certificatesOf(certificateChainPem),
    rootCerts: certificatesOf(rootsPem),
  };
}

function certificatesOf(pem: string): unknown[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map((text) => {
    const certificate = new X509Certificate(text);
    return {
      pem: Buffer.from(text).toString('base64'),
      serialNumber: BigInt(`0x${certificate.serialNumber}`).toString(),
      validFrom: certificate.validFromDate.toISOString(),
      expirationTime: certificate.validToDate.toISOString(),
    };
  });
}

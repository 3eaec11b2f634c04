import { parseIp } from '@ambit/core/address';
import type { AcceptedName as NameMessage, UpstreamTls as Message } from '@ambit/proto/waypoint';
import { MAX_ACCEPTED_NAMES, MAX_HOSTNAME_LENGTH, MAX_TRUST_BYTES } from '../limits.ts';
import { hostProblem } from '../request/authority.ts';
import type { Problems } from './problems.ts';
import type { AcceptedName, ProxyProtocol, UpstreamTls, UpstreamTrust } from './served-service.ts';

export const PROXY_PROTOCOLS: readonly ProxyProtocol[] = ['none', 'v1', 'v2'];

export function readUpstreamTls(message: Message | undefined, field: string, problems: Problems): UpstreamTls | null {
  if (message === undefined) return null;
  const { serverName, acceptedNames, crlPem, clientCertificate } = message;
  if (serverName !== '') {
    const problem = hostProblem(serverName);
    if (problem !== undefined) problems.add(`${field}.server_name`, problem);
  }
  if (acceptedNames.length > MAX_ACCEPTED_NAMES) {
    problems.add(`${field}.accepted_names`, `${acceptedNames.length} names, more than ${MAX_ACCEPTED_NAMES}`);
  }
  const trust = readTrust(message, field, problems);
  if (crlPem !== '' && trust.kind !== 'ca') {
    problems.add(`${field}.crl_pem`, 'is set without ca_pem, so it would not be looked at');
  }
  if (crlPem.length > MAX_TRUST_BYTES) problems.add(`${field}.crl_pem`, `is longer than ${MAX_TRUST_BYTES}`);
  if (clientCertificate !== '' && !/^[^/]+\/[^/]+$/.test(clientCertificate)) {
    problems.add(`${field}.client_certificate`, `${JSON.stringify(clientCertificate)} is not namespace/name`);
  }
  return {
    serverName: serverName.toLowerCase(),
    acceptedNames: acceptedNames.flatMap((name, index) => {
      return readName(name, `${field}.accepted_names[${index}]`, problems) ?? [];
    }),
    trust,
    crlPem,
    clientCertificate,
  };
}

function readTrust({ trust }: Message, field: string, problems: Problems): UpstreamTrust {
  switch (trust.case) {
    case 'caPem':
      if (trust.value === '' || trust.value.length > MAX_TRUST_BYTES) {
        problems.add(`${field}.ca_pem`, `has ${trust.value.length} characters (1 to ${MAX_TRUST_BYTES})`);
      }
      return { kind: 'ca', pem: trust.value };
    case 'systemRoots':
    case 'unverified':
      // A false one would be a choice that was not made.
      if (!trust.value) problems.add(`${field}.trust`, 'is chosen and false');
      return trust.case === 'systemRoots' ? { kind: 'system' } : { kind: 'unverified' };
    case 'unavailable':
      return { kind: 'unavailable', reason: trust.value };
    case undefined:
      problems.add(`${field}.trust`, 'is not set; is the controller newer than this waypoint?');
      return { kind: 'unavailable', reason: 'nothing is trusted' };
  }
}

function readName({ kind }: NameMessage, field: string, problems: Problems): AcceptedName | undefined {
  switch (kind.case) {
    case 'dns': {
      const problem = hostProblem(kind.value);
      if (problem !== undefined) problems.add(`${field}.dns`, problem);
      return { kind: 'dns', name: kind.value.toLowerCase() };
    }
    case 'uri':
      if (kind.value === '' || kind.value.length > 8 * MAX_HOSTNAME_LENGTH) problems.add(`${field}.uri`, 'is no name');
      return { kind: 'uri', name: kind.value };
    case 'ip': {
      const ip = parseIp(kind.value);
      if (ip === undefined) problems.add(`${field}.ip`, `${JSON.stringify(kind.value)} is not an IP address`);
      return ip === undefined ? undefined : { kind: 'ip', name: ip };
    }
    case undefined:
      problems.add(field, 'is of no kind that is known; is the controller newer than this waypoint?');
      return undefined;
  }
}

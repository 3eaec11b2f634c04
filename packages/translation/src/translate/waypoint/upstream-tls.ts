import { X509Certificate } from 'node:crypto';
import { parseIp } from '@ambit/core/address';
import { type AcceptedNameSchema, ProxyProtocol, type UpstreamTlsSchema } from '@ambit/proto/waypoint';
import { MAX_ACCEPTED_NAMES, MAX_TRUST_BYTES } from '@ambit/traffic/limits';
import { hostProblem } from '@ambit/traffic/request/authority';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { quoted } from '../../manifest/problem.ts';
import type { Credential } from './secret-certificates.ts';
import type { ClientTls, TrafficPolicy } from '../../traffic-objects.ts';

export type UpstreamTlsInit = MessageInitShape<typeof UpstreamTlsSchema>;
type NameInit = MessageInitShape<typeof AcceptedNameSchema>;

/** Modes that are none of the application's: inside the mesh, mutual TLS is there anyway. */
const OF_THE_MESH: readonly string[] = ['DISABLE', 'ISTIO_MUTUAL'];

const FILES = ['clientCertificate', 'privateKey', 'caCertificates', 'caCrl'] as const;

/**
 * What a DestinationRule's `tls` means for a waypoint; undefined: no TLS beside the mesh's. `credentialOf`: what a Secret holds
 * that the rule names.
 */
export function destinationTls(
  tls: ClientTls | undefined,
  credentialOf: (name: string) => Credential,
): UpstreamTlsInit | undefined {
  if (tls === undefined || isOfTheMesh(tls)) return undefined;
  const [problem] = tlsProblems(tls);
  if (problem !== undefined) return unavailable(`DestinationRule: tls.${problem}`);
  const { mode, sni = '', subjectAltNames = [], credentialName = '', insecureSkipVerify } = tls;
  const credential = credentialName === '' ? undefined : credentialOf(credentialName);
  const missing = credential === undefined ? undefined : credentialProblem(credential, tls);
  if (missing !== undefined) return unavailable(missing);
  const authorities = credential?.authorities;
  const names = {
    serverName: sni.toLowerCase(),
    acceptedNames: subjectAltNames.map((name) => acceptedName(name)),
    clientCertificate: mode === 'MUTUAL' ? (credential?.name ?? '') : '',
  };
  if (insecureSkipVerify !== true && authorities !== undefined && 'caPem' in authorities) {
    const { caPem, crlPem } = authorities;
    return { ...names, crlPem, trust: { case: 'caPem', value: caPem } };
  }
  return {
    ...names,
    trust: insecureSkipVerify === true ? { case: 'unverified', value: true } : { case: 'systemRoots', value: true },
  };
}

/** Why `tls` cannot be honoured, so that nothing is connected: the field and what is wrong, each a sentence. */
export function tlsProblems(tls: ClientTls): string[] {
  const { mode = 'DISABLE', sni = '', subjectAltNames = [], credentialName = '' } = tls;
  if (isOfTheMesh(tls)) return [];
  const files = FILES.filter((field) => (tls[field] ?? '') !== '');
  const names = subjectAltNames.filter((name) => !isName(name));
  return [
    ...files.map((field) => `${field}: a waypoint has no files of its users; name a Secret in credentialName`),
    ...(credentialName.replace('kubernetes://', '').includes('/')
      ? [`credentialName: ${quoted(credentialName)} is not the name of a Secret of the waypoint's namespace`]
      : []),
    ...(mode === 'MUTUAL' && credentialName === '' && files.length === 0 ? ['mode MUTUAL: needs credentialName'] : []),
    ...(sni !== '' && hostProblem(sni) !== undefined ? [`sni: ${quoted(sni)} is not a host`] : []),
    ...names.map((name) => `subjectAltNames: ${quoted(name)} is neither host, address nor URI`),
    ...(subjectAltNames.length > MAX_ACCEPTED_NAMES ? [`subjectAltNames: more than ${MAX_ACCEPTED_NAMES}`] : []),
  ];
}

/** What of a Secret that a rule names is missing; undefined: nothing that the rule needs. */
export function credentialProblem(
  { authorities, own }: Credential,
  { mode, insecureSkipVerify }: ClientTls,
): string | undefined {
  if (mode === 'MUTUAL' && 'problem' in own) return own.problem;
  return insecureSkipVerify !== true && 'problem' in authorities ? authorities.problem : undefined;
}

/** Said first thing to endpoints, of a subset or of all. */
export function proxyProtocolOf(whole: TrafficPolicy | undefined, subset: TrafficPolicy | undefined): ProxyProtocol {
  const proxy = subset?.proxyProtocol ?? whole?.proxyProtocol;
  if (proxy === undefined) return ProxyProtocol.NO_PROXY_PROTOCOL;
  return proxy.version === 'V2' ? ProxyProtocol.PROXY_PROTOCOL_V2 : ProxyProtocol.PROXY_PROTOCOL_V1;
}

/** Nothing is connected, and whoever asks is told why. */
export function unavailable(reason: string): UpstreamTlsInit {
  return { trust: { case: 'unavailable', value: reason } };
}

/** Why a text is no list of certificates; undefined: it is one. */
export function certificatesProblem(pem: string): string | undefined {
  if (pem.length > MAX_TRUST_BYTES) return `has more than ${MAX_TRUST_BYTES} characters`;
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (found.length === 0) return 'holds no certificate';
  const wrong = found.findIndex((one) => !isCertificate(one));
  return wrong < 0 ? undefined : `certificate ${wrong + 1} of ${found.length} cannot be read`;
}

export function dnsName(name: string): NameInit {
  return { kind: { case: 'dns', value: name.toLowerCase() } };
}

export function uriName(name: string): NameInit {
  return { kind: { case: 'uri', value: name } };
}

/** Whether it asks for TLS with the endpoint itself. */
export function isOfEndpoint(tls: ClientTls): boolean {
  return !isOfTheMesh(tls);
}

function isOfTheMesh({ mode = 'DISABLE' }: ClientTls): boolean {
  return OF_THE_MESH.includes(mode);
}

/** Istio's names say not of what kind they are. */
function acceptedName(name: string): NameInit {
  if (name.includes('://')) return uriName(name);
  return parseIp(name) === undefined ? dnsName(name) : { kind: { case: 'ip', value: name } };
}

function isName(name: string): boolean {
  return name.includes('://') ? name.length <= 2_000 : parseIp(name) !== undefined || hostProblem(name) === undefined;
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}

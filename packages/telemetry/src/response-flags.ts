import { HTTP_FLAGS, type HttpFlag } from './http-response-flags.ts';

/** How a connection through the node proxy ended. All but `MISDIRECTED` are Istio's. */
const NODE_FLAGS = [
  '-',
  'DENY',
  'CONNECT',
  'TLS_FAILURE',
  'H2_HANDSHAKE_FAILURE',
  'NETWORK_POLICY',
  'IDENTITY_ERROR',
  'CERT_REVOKED',
  'MISDIRECTED',
] as const;

/**
 * How a connection ended, as `response_flags` of metrics and access log: as the node proxy says it, or as a waypoint does;
 * `-` is a connection that ended well, or was cut because the proxy drains.
 */
export type ResponseFlag = (typeof NODE_FLAGS)[number] | HttpFlag;

export const RESPONSE_FLAGS: readonly ResponseFlag[] = [...NODE_FLAGS, ...HTTP_FLAGS];

/**
 * What went wrong with a connection, seen from the proxy that reports it.
 * `policy`: refused by a policy, at the start or when it changed. `peer-policy`: the other proxy said so (401).
 * `route`: the mesh knows no way. `connect`: refused, unreachable, timed out. `peer-connect`: at the other proxy (503).
 * `peer-target`: the other proxy is not who should have been reached (400). `hbone-timeout`: port 15008 does not answer.
 * `tls`: the handshake, either way. `http2`: the protocol in the tunnel. `identity`: no certificate of our own.
 * `revoked`: a certificate was withdrawn. `drain`: cut at the end of the proxy. `other`: anything else.
 */
export type FailureCause =
  | 'connect'
  | 'drain'
  | 'hbone-timeout'
  | 'http2'
  | 'identity'
  | 'other'
  | 'peer-connect'
  | 'peer-policy'
  | 'peer-target'
  | 'policy'
  | 'revoked'
  | 'route'
  | 'tls';

const FLAGS: Readonly<Record<FailureCause, ResponseFlag>> = {
  connect: 'CONNECT',
  drain: '-',
  'hbone-timeout': 'NETWORK_POLICY',
  http2: 'H2_HANDSHAKE_FAILURE',
  identity: 'IDENTITY_ERROR',
  other: 'CONNECT',
  'peer-connect': 'CONNECT',
  'peer-policy': 'DENY',
  'peer-target': 'MISDIRECTED',
  policy: 'DENY',
  revoked: 'CERT_REVOKED',
  route: 'CONNECT',
  tls: 'TLS_FAILURE',
};

/** The flag of a failure; `-` for none. */
export function responseFlag(cause: FailureCause | undefined): ResponseFlag {
  return cause === undefined ? '-' : FLAGS[cause];
}

/** What the status of a CONNECT that was not accepted says about the cause. */
export function causeOfStatus(status: number): FailureCause {
  switch (status) {
    case 400:
      return 'peer-target';
    case 401:
    case 403:
      return 'peer-policy';
    case 503:
      return 'peer-connect';
    default:
      return 'other';
  }
}

import { describe, expect, it } from 'vitest';
import { causeOfStatus, type FailureCause, type ResponseFlag, responseFlag } from './response-flags.ts';

describe('response flags', () => {
  it.each<[FailureCause | undefined, ResponseFlag]>([
    [undefined, '-'],
    ['drain', '-'],
    ['policy', 'DENY'],
    ['connect', 'CONNECT'],
    ['other', 'CONNECT'],
    ['http2', 'H2_HANDSHAKE_FAILURE'],
    ['hbone-timeout', 'NETWORK_POLICY'],
    ['identity', 'IDENTITY_ERROR'],
    ['revoked', 'CERT_REVOKED'],
    ['tls', 'TLS_FAILURE'],
  ])('of %s is %s', (cause, flag) => {
    expect(responseFlag(cause)).toBe(flag);
  });

  it.each([
    [401, 'DENY'],
    [503, 'CONNECT'],
    [400, 'MISDIRECTED'],
    [418, 'CONNECT'],
  ])('at the source, of a CONNECT answered with %d, is %s', (status, flag) => {
    expect(responseFlag(causeOfStatus(status))).toBe(flag);
  });
});

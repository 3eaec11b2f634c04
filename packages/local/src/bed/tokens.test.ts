import { createPublicKey, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '@ambit/core/clock';
import { TokenFile, TokenIssuer } from './tokens.ts';

const SUBJECT = {
  namespace: 'istio-system',
  serviceAccount: 'ztunnel',
  pod: { name: 'ztunnel-a', uid: 'u-1' },
  node: 'a',
};

function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
}

describe('tokens', () => {
  it('are bound ServiceAccount tokens that the public key verifies', () => {
    const issuer = new TokenIssuer(new ManualClock(1_790_000_000_000));
    const token = issuer.issue(SUBJECT, 60);
    const [header = '', claims = '', signature = ''] = token.split('.');
    const key = { key: createPublicKey(issuer.publicKeyPem), dsaEncoding: 'ieee-p1363' as const };
    expect(verify('sha256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(claimsOf(token)).toEqual({
      iss: 'https://kubernetes.default.svc.cluster.local',
      sub: 'system:serviceaccount:istio-system:ztunnel',
      aud: ['istio-ca'],
      iat: 1_790_000_000,
      nbf: 1_790_000_000,
      exp: 1_790_000_060,
      'kubernetes.io': {
        namespace: 'istio-system',
        node: { name: 'a' },
        pod: { name: 'ztunnel-a', uid: 'u-1' },
        serviceaccount: { name: 'ztunnel' },
      },
    });
  });

  it('a file always holds one that is good for half an hour at least', () => {
    const folder = mkdtempSync(join(tmpdir(), 'token-'));
    const clock = new ManualClock(1_790_000_000_000);
    const path = join(folder, 'token');
    const file = new TokenFile(path, new TokenIssuer(clock), SUBJECT, clock);
    for (let minutes = 0; minutes < 240; minutes += 7) {
      const left = Number(claimsOf(readFileSync(path, 'utf8'))['exp']) - clock.wallTime() / 1_000;
      expect(left).toBeGreaterThanOrEqual(1_800);
      clock.advance(7 * 60_000);
    }
    file.close();
    rmSync(folder, { recursive: true });
  });
});

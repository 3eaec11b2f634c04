import { create } from '@bufbuild/protobuf';
import { ManualClock } from '@ambit/core/clock';
import { createLogger } from '@ambit/core/log';
import { type IstioCertificateRequest, IstioCertificateRequestSchema } from '@ambit/proto/ca';
import { Metadata, type ServerUnaryCall, type ServiceError, status } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { CERTIFICATES_PER_NODE_BURST } from '../limits.ts';
import { Counters } from '../serve/counters.ts';
import { Authenticator } from './authenticator.ts';
import type { Caller } from './caller.ts';
import { CertificateIssuer } from './issue.ts';
import { PodWait } from './pod-wait.ts';

/** Both on one node. */
const CALLERS: Readonly<Record<string, Caller>> = {
  ztunnel: { namespace: 'istio-system', serviceAccount: 'ztunnel', podName: 'z', podUid: 'z', nodeName: 'a' },
  greedy: { namespace: 'shop', serviceAccount: 'greedy', podName: 'g', podUid: 'g', nodeName: 'a' },
};

it('a pod that asks for certificates without end does not use up those of its node', async () => {
  const clock = new ManualClock();
  const log = createLogger('test', { level: 'silent' });
  const verify = (token: string): Promise<Caller> => {
    const caller = CALLERS[token];
    return caller === undefined ? Promise.reject(new Error('nobody')) : Promise.resolve(caller);
  };
  const issuer = new CertificateIssuer({
    authority: { issue: () => Promise.reject(new Error('no request gets so far')) },
    authenticator: new Authenticator({ verify }, clock),
    pods: { pod: () => undefined, podsOnNode: () => [] },
    podWait: new PodWait({ changed: () => Promise.resolve() }, clock),
    settings: { trustDomain: 'cluster.local', trustedNodeAccounts: new Set(['istio-system/ztunnel']) },
    counters: new Counters(),
    ...{ clock, log },
  });
  /** The status of a call whose certificate request is none. */
  const ask = (token: string): Promise<status | undefined> => {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    const request = create(IstioCertificateRequestSchema, { csr: 'none' });
    const call = { request, metadata, getPeer: () => '10.0.0.1:1' };
    return new Promise((resolve) =>
      issuer.handle(call as unknown as ServerUnaryCall<IstioCertificateRequest, never>, (error) =>
        resolve((error as ServiceError | null)?.code),
      ),
    );
  };
  for (let asked = 0; asked < CERTIFICATES_PER_NODE_BURST; asked++)
    expect(await ask('greedy')).toBe(status.INVALID_ARGUMENT);
  expect(await ask('greedy')).toBe(status.RESOURCE_EXHAUSTED);
  expect(await ask('ztunnel')).toBe(status.INVALID_ARGUMENT);
});

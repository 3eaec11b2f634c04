import { afterEach, expect, it } from 'vitest';
import { AmbitError } from '@ambit/core/errors';
import { allocate } from '@ambit/native/memory';
import type { DuplexEndpoint } from '@ambit/reactor/endpoint';
import { OUTPUT_BUFFER_BYTES } from '@ambit/reactor/limits';
import { OutputBuffer } from '@ambit/reactor/output-buffer';
import { TestLoop } from '@ambit/reactor/test-loop';
import { secure } from './secured-dial.ts';
import { UpstreamTlsContexts } from './upstream-tls.ts';

const loop = new TestLoop();
afterEach(() => {
  loop.reactor.dispose();
});

it('a connection that has no room for the PROXY header is closed, and never used without it', () => {
  const lender = { lend: () => allocate(OUTPUT_BUFFER_BYTES), giveBack: () => undefined };
  const output = new OutputBuffer(lender, () => undefined);
  output.room(OUTPUT_BUFFER_BYTES);
  output.end = OUTPUT_BUFFER_BYTES - 10;
  const destroyed: unknown[] = [];
  const below: DuplexEndpoint = {
    ...{ output, congested: false, bytesReceived: 0, bytesSent: 0 },
    pauseReading: () => undefined,
    resumeReading: () => undefined,
    end: () => undefined,
    endOutput: () => undefined,
    handTo: () => undefined,
    destroy: (error) => destroyed.push(error),
  };
  const proxyHeader = Buffer.from('PROXY TCP4 10.0.0.1 10.96.0.1 50000 80\r\n');
  const transport = { key: '', group: '', proxyHeader, tls: undefined, http2Only: false };
  const to = { address: { ip: '192.0.2.1', port: 80 }, protocols: [], timeoutMs: 1000 };
  const told: unknown[] = [];
  secure(loop.reactor, new UpstreamTlsContexts(loop.reactor.ledger), below, transport, to, (one) => told.push(one));
  expect(told).toEqual([expect.any(AmbitError)]);
  expect(destroyed).toEqual(told);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkHello,
  decodeRequest,
  decodeResponse,
  encodeAck,
  encodeConnectionsReset,
  encodeHello,
  encodeRequest,
  type ZdsRequest,
} from './messages.ts';

const hex = (packet: Uint8Array): string => Buffer.from(packet).toString('hex');
const uid = fc.string({ minLength: 1, maxLength: 40 });
const name = fc.string({ maxLength: 63 });

describe('ZDS messages', () => {
  it('have the numbers of the contract', () => {
    expect(hex(encodeHello())).toBe('0801');
    expect(hex(encodeRequest({ kind: 'remove', uid: 'u' }))).toBe('1203120175');
    expect(hex(encodeRequest({ kind: 'keep', uid: 'u' }))).toBe('2a030a0175');
    expect(hex(encodeRequest({ kind: 'snapshotSent' }))).toBe('1a00');
    const info = { name: 'n', namespace: 's', serviceAccount: 'a' };
    expect(hex(encodeRequest({ kind: 'add', uid: 'u', info, plaintextRedirected: false }))).toBe(
      '0a0e0a017512090a016e1201731a0161',
    );
    expect(hex(encodeAck(''))).toBe('0a00');
    expect(hex(encodeAck('no'))).toBe('0a040a026e6f');
  });

  it('come back as they went', () => {
    const info = fc.option(fc.record({ name, namespace: name, serviceAccount: name }), { nil: undefined });
    const request: fc.Arbitrary<ZdsRequest> = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), uid, info, plaintextRedirected: fc.boolean() }),
      fc.record({ kind: fc.constant('keep' as const), uid }),
      fc.record({ kind: fc.constant('remove' as const), uid }),
      fc.constant({ kind: 'snapshotSent' as const }),
    );
    fc.assert(
      fc.property(request, (message) => {
        expect(decodeRequest(encodeRequest(message))).toEqual(message);
      }),
    );
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (error) => {
        expect(decodeResponse(encodeAck(error))).toEqual({ kind: 'ack', error });
        const reset = { kind: 'connectionsReset', uid: 'u', message: error };
        expect(decodeResponse(encodeConnectionsReset('u', error))).toEqual(reset);
      }),
    );
  });

  it('refuse everything else by name, and never anything but an AmbitError', () => {
    expect(() => checkHello(new Uint8Array())).toThrow(/version 0/);
    expect(() => checkHello(Uint8Array.of(8, 2))).toThrow(/version 2/);
    expect(() => decodeRequest(new Uint8Array())).toThrow(/not known/);
    expect(() => decodeRequest(encodeRequest({ kind: 'keep', uid: '' }))).toThrow(/empty uid/);
    expect(() => encodeRequest({ kind: 'keep', uid: 'u'.repeat(1025) })).toThrow(/over the limit of 1024/);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (packet) => {
        try {
          decodeRequest(packet);
        } catch (error) {
          expect(error).toHaveProperty('code', 'AMBIT_ZDS_PROTOCOL');
        }
      }),
    );
  });

  it('an endless error still fits into a packet', () => {
    expect(encodeAck('€'.repeat(5_000)).length).toBeLessThan(1024);
    expect(encodeConnectionsReset('u'.repeat(36), '€'.repeat(5_000)).length).toBeLessThan(1024);
  });
});

import { describe, expect, it } from 'vitest';
import { Custody } from './custody.ts';
import { decodePacket, encodePacket } from './packets.ts';
import { RestartPace } from '@ambit/proxy/thread/restart-pace';

const INFO = { uid: 'u1', name: 'payments-1', namespace: 'shop', serviceAccount: 'payments' };

describe('Custody', () => {
  it('closes what it no longer holds, and nothing else', () => {
    const closed: number[] = [];
    const custody = new Custody((descriptor) => closed.push(descriptor));
    custody.holdPod(INFO, { dnsUdp: 0, dnsTcp: 0 }, [3, 4, 5, 6]);
    custody.holdState('resources', 7);
    custody.holdState('resources', 8);
    expect(closed).toEqual([7]);
    custody.holdPod(INFO, { dnsUdp: 0, dnsTcp: 0 }, [10, 11, 12, 13]);
    expect(closed).toEqual([7, 3, 4, 5, 6]);
    custody.releasePod('u1');
    custody.releasePod('u1');
    expect(closed).toEqual([7, 3, 4, 5, 6, 10, 11, 12, 13]);
  });

  it('names everything it holds, and the end of the list', () => {
    const custody = new Custody(() => undefined);
    custody.holdPod(INFO, { dnsUdp: 1, dnsTcp: 1 }, [3, 4, 5, 6, 7, 8]);
    custody.holdState('certificates', 9);
    expect([...custody.inventory()]).toEqual([
      { packet: { kind: 'hold-state', name: 'certificates' }, descriptors: [9] },
      { packet: { kind: 'hold-pod', info: INFO, layout: { dnsUdp: 1, dnsTcp: 1 } }, descriptors: [3, 4, 5, 6, 7, 8] },
      { packet: { kind: 'recalled' }, descriptors: [] },
    ]);
  });
});

describe('packets', () => {
  it('survive the way, and others are refused with their text', () => {
    const packet = { kind: 'hold-pod', info: INFO, layout: { dnsUdp: 2, dnsTcp: 2 } } as const;
    expect(decodePacket(encodePacket(packet))).toEqual(packet);
    expect(() => decodePacket(Buffer.from('{"kind":"other"}'))).toThrow(/unknown packet.*other/);
    expect(() => decodePacket(Buffer.from('{'))).toThrow(/unknown packet/);
  });
});

describe('RestartPace', () => {
  it('restarts at once twice in a row, then waits longer each time, and forgets after a steady run', () => {
    const pace = new RestartPace();
    expect([0, 1, 2, 3, 4, 5].map(() => pace.pauseAfter(0, 500))).toEqual([0, 0, 0, 100, 200, 400]);
    expect(pace.pauseAfter(0, 60_000)).toBe(0);
  });

  it('never waits more than five seconds', () => {
    const pace = new RestartPace();
    expect(Math.max(...Array.from({ length: 50 }, () => pace.pauseAfter(0, 1)))).toBe(5_000);
  });
});

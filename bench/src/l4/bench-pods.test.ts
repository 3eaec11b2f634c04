import { expect, it } from 'vitest';
import { passiveOpens } from './bench-pods.ts';

it('finds the counter by its name, whatever stands before it', () => {
  const snmp =
    'Ip: Forwarding TTL\nIp: 1 64\nTcp: RtoAlgorithm ActiveOpens PassiveOpens\nTcp: 1 25 42\nUdp: InDatagrams\nUdp: 7\n';
  expect(passiveOpens(snmp)).toBe(42);
});

import { describe, expect, it } from 'vitest';
import { serviceRules } from './service-rules.ts';

const TWO = [
  { ip: '10.244.1.2', port: 8080 },
  { ip: '10.244.2.2', port: 8080 },
];

describe('the rules of Services', () => {
  it('one endpoint, several, none', () => {
    const [one] = TWO;
    if (one === undefined) throw new Error('none');
    expect(
      serviceRules([
        { ip: '10.96.1.1', protocol: 'tcp', port: 80, endpoints: TWO },
        { ip: '10.96.1.1', protocol: 'udp', port: 53, endpoints: [one] },
        { ip: '10.96.1.2', protocol: 'tcp', port: 443, endpoints: [] },
      ]),
    ).toMatchInlineSnapshot(`
      "add table ip ambit-services
      delete table ip ambit-services
      table ip ambit-services {
        chain service-0 { meta l4proto tcp dnat to numgen random mod 2 map { 0 : 10.244.1.2 . 8080, 1 : 10.244.2.2 . 8080 }; }
        chain service-1 { meta l4proto udp dnat to 10.244.1.2:8080; }
        map services { type ipv4_addr . inet_proto . inet_service : verdict; elements = { 10.96.1.1 . tcp . 80 : goto service-0, 10.96.1.1 . udp . 53 : goto service-1 }; }
        set empty-services { type ipv4_addr . inet_proto . inet_service; elements = { 10.96.1.2 . tcp . 443 }; }
        set own { type ipv4_addr . ipv4_addr; elements = { 10.244.1.2 . 10.244.1.2, 10.244.2.2 . 10.244.2.2 }; }
        chain prerouting { type nat hook prerouting priority dstnat; ip daddr . meta l4proto . th dport vmap @services; }
        chain output { type nat hook output priority -100; ip daddr . meta l4proto . th dport vmap @services; }
        chain postrouting { type nat hook postrouting priority srcnat; ip saddr . ip daddr @own masquerade; }
        chain forward { type filter hook forward priority filter; ct state new ip daddr . meta l4proto . th dport @empty-services reject; }
        chain local { type filter hook output priority filter; ct state new ip daddr . meta l4proto . th dport @empty-services reject; }
      }
      "
    `);
  });
});

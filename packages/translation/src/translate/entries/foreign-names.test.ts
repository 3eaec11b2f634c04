import { Service_Visibility } from '@ambit/proto/workload';
import { expect, it } from 'vitest';
import { translated } from '../waypoint/test-translation.ts';

const SERVICES = [
  '{apiVersion: v1, kind: Service, metadata: {name: pay, namespace: shop}, spec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}}',
  '{apiVersion: v1, kind: Service, metadata: {name: bank, namespace: shop}, spec: {type: ExternalName, externalName: bank.example}}',
];

/** Who is given the address of a ServiceEntry for one host: clients of its own namespace, or everybody. */
function seenBy(host: string, namespace: string): string {
  const entry = `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: e, namespace: ${namespace}}, spec: {hosts: [${host}], addresses: [203.0.113.1], ports: [{number: 80, name: http}]}}`;
  const address = translated([...SERVICES, entry]).addresses.get(`${namespace}/${host}`);
  if (address?.type.case !== 'service') return 'nobody';
  const { canonical, visibility } = address.type.value;
  return visibility === Service_Visibility.NAMESPACE ? 'its own' : canonical ? 'all' : 'some';
}

it.each([
  // In short, as clients elsewhere say it.
  ['pay.shop', 'evil', 'its own'],
  ['pay.shop.svc', 'evil', 'its own'],
  ['pay.shop.svc.cluster.local', 'evil', 'its own'],
  ['bank.shop', 'evil', 'its own'],
  ['bank.shop.svc.cluster.local', 'evil', 'its own'],
  // While there is no such Service.
  ['gone.shop.svc', 'evil', 'its own'],
  ['gone.shop.svc.cluster.local', 'evil', 'its own'],
  ['db-0.gone.shop.svc.cluster.local', 'evil', 'its own'],
  ['gone.shop.svc.cluster.local', 'shop', 'all'],
  ['gone.shop.svc.cluster.local', 'istio-system', 'all'],
  // No names of the cluster.
  ['gone.shop', 'evil', 'all'],
  ['shop.svc.cluster.local', 'evil', 'all'],
  ['pay.example.com', 'evil', 'all'],
])('a name that clients say for a Service of shop, %s, written in %s is seen by %s', (host, namespace, expected) => {
  expect(seenBy(host, namespace)).toBe(expected);
});

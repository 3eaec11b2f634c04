import { LocalityScope, ServedServiceSchema } from '@ambit/proto/waypoint';
import { toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { service, translated, waypoint } from './test-translation.ts';

function rule(...priorities: readonly string[]): string {
  return (
    '{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: cart, namespace: shop}, spec: {host: cart, ' +
    `trafficPolicy: {loadBalancer: {localityLbSetting: {failoverPriority: ${JSON.stringify(priorities)}}}, outlierDetection: {}}}}`
  );
}

/** What waypoints are told of endpoints of the Service that come first; an object that cannot be told of throws. */
function told(priority: string) {
  const { servedServices } = translated([
    waypoint('shop', 'gate'),
    service('shop', 'cart', 'shop/gate'),
    rule(priority),
  ]);
  return Array.from(servedServices.values(), (served) => {
    toBinary(ServedServiceSchema, served);
    return served.clusters.map(({ localityPreference }) => localityPreference);
  });
}

describe('a label in failoverPriority', () => {
  it.each(['constructor', 'toString', '__proto__'])(
    'that is also what every object of the language has stops nobody: %s',
    (label) => {
      expect(told(label)).toEqual([[undefined]]);
      expect(told(`${label}=v1`)).toMatchObject([
        [{ criteria: [{ scope: LocalityScope.UNKNOWN_SCOPE, workloadUids: [] }] }],
      ]);
    },
  );
});

it('a localityLbSetting that is longer than waypoints take is refused where it is written', () => {
  const labels = Array.from({ length: 257 }, (_, index) => `version=v${index}`);
  expect(() => translated([rule(...labels.slice(1))])).not.toThrow();
  expect(() => translated([rule(...labels)])).toThrow('has 257 entries, more than 256');
});

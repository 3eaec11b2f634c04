import { ManualClock } from '@ambit/core/clock';
import { SERVED_SERVICE_TYPE_URL } from '@ambit/proto/waypoint';
import { ADDRESS_TYPE_URL } from '@ambit/proto/workload';
import { decodeManifests } from '@ambit/translation/decode';
import { buildModel } from '@ambit/translation/model';
import { translate, type Translation } from '@ambit/translation/translate';
import { DEFAULT_SETTINGS } from '@ambit/translation/translate/settings';
import { ResourceCache } from '@ambit/xds/resource-cache';
import { beforeEach, describe, expect, it } from 'vitest';
import { SERVED_SERVICE_LEAD_MS, SERVED_SERVICE_LINGER_MS } from '../limits.ts';
import { Publisher } from './publisher.ts';
import { SERVED_TYPES } from './resources.ts';

const GATEWAY =
  '{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: w, namespace: shop}, ' +
  'spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}}\n---\n';

function service(name: string, waypoint: string): string {
  return (
    `{apiVersion: v1, kind: Service, metadata: {name: ${name}, namespace: shop, labels: {istio.io/use-waypoint: ${waypoint}}}, ` +
    'spec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}}\n---\n'
  );
}

function translation(text: string): Translation {
  const decoded = decodeManifests('shop.yaml', GATEWAY + text);
  expect(decoded.problems).toEqual([]);
  return translate(buildModel([{ role: 'manifest', decoded }]).model, DEFAULT_SETTINGS);
}

let clock: ManualClock;
let cache: ResourceCache;
let publisher: Publisher;

beforeEach(() => {
  clock = new ManualClock();
  cache = new ResourceCache(SERVED_TYPES);
  publisher = new Publisher(cache, clock);
});

function held(typeUrl: string): string[] {
  return Array.from(cache.resources(typeUrl), ({ name }) =>
    name.replace('.shop.svc.cluster.local', '').replace(/.*\//, ''),
  );
}

describe('Publisher', () => {
  it('tells the waypoint of a new service first, and everybody else of everything newer a moment later', () => {
    publisher.publish(translation(service('a', 'w')), 0);
    expect([held(SERVED_SERVICE_TYPE_URL), held(ADDRESS_TYPE_URL)]).toEqual([['a'], ['a']]);
    publisher.publish(translation(service('a', 'w') + service('b', 'w')), 0);
    expect([held(SERVED_SERVICE_TYPE_URL), held(ADDRESS_TYPE_URL)]).toEqual([['a', 'b'], ['a']]);
    clock.advance(SERVED_SERVICE_LEAD_MS - 1);
    publisher.publish(translation(service('a', 'w') + service('b', 'w') + service('c', 'none')), 0);
    expect(held(ADDRESS_TYPE_URL)).toEqual(['a']);
    clock.advance(1);
    expect(held(ADDRESS_TYPE_URL)).toEqual(['a', 'b', 'c']);
  });

  it('counts from the first change of those that it has held back', () => {
    publisher.publish(translation(service('a', 'w')), 1);
    publisher.publish(translation(service('a', 'w') + service('b', 'w')), 2);
    publisher.publish(translation(service('a', 'w') + service('b', 'w') + service('c', 'none')), 3);
    clock.advance(SERVED_SERVICE_LEAD_MS);
    publisher.publish(translation(service('a', 'w') + service('b', 'w') + service('d', 'none')), 4);
    const since = Array.from(cache.resources(ADDRESS_TYPE_URL), ({ name, changedAt }) => [name.slice(5, 6), changedAt]);
    expect(since).toEqual([
      ['a', 1],
      ['b', 2],
      ['d', 4],
    ]);
  });

  it('lets a waypoint serve for a while what it has lost, and for good what comes back', () => {
    publisher.publish(translation(service('a', 'w') + service('b', 'w')), 0);
    publisher.publish(translation(service('a', 'none') + service('b', 'none')), 0);
    clock.advance(SERVED_SERVICE_LINGER_MS - 1);
    expect(held(SERVED_SERVICE_TYPE_URL)).toEqual(['a', 'b']);
    publisher.publish(translation(service('a', 'none') + service('b', 'w')), 0);
    clock.advance(SERVED_SERVICE_LINGER_MS);
    expect(held(SERVED_SERVICE_TYPE_URL)).toEqual(['b']);
  });

  it('holds nothing back when no waypoint gets a service', () => {
    publisher.publish(translation(service('a', 'w')), 0);
    publisher.publish(translation(service('a', 'w') + service('b', 'none')), 0);
    expect(held(ADDRESS_TYPE_URL)).toEqual(['a', 'b']);
  });
});

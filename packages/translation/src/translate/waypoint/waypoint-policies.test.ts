import { readServedService } from '@ambit/traffic/model/read-served-service';
import { MAX_POLICY_PATTERNS } from '@ambit/traffic/limits';
import { type ServedService, ServedServiceSchema } from '@ambit/proto/waypoint';
import { toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { decodeManifests } from '../../decode.ts';
import { buildModel } from '../../model.ts';
import { translate } from '../../translate.ts';
import { DEFAULT_SETTINGS, type TranslationSettings } from '../settings.ts';

const SHOP = [
  '{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: w, namespace: shop}, spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}}',
  '{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop, labels: {istio.io/use-waypoint: w}}, spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]}}',
];

function served(objects: readonly string[], settings: Partial<TranslationSettings> = {}): ServedService {
  const decoded = decodeManifests('shop.yaml', [...SHOP, ...objects].join('\n---\n'));
  expect(decoded.problems).toEqual([]);
  const { model } = buildModel([{ role: 'manifest', decoded }]);
  const { servedServices } = translate(model, { ...DEFAULT_SETTINGS, ...settings });
  const resource = servedServices.get('shop/w/shop/web.shop.svc.cluster.local');
  if (resource === undefined) throw new Error('not served');
  expect(() => readServedService(toBinary(ServedServiceSchema, resource))).not.toThrow();
  return resource;
}

function policy(name: string, spec: string): string {
  return `{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: ${name}, namespace: shop}, spec: {targetRefs: [{kind: Service, group: "", name: web}], ${spec}}}`;
}

describe('policies with more values than a waypoint takes', () => {
  const half = Array.from({ length: MAX_POLICY_PATTERNS / 2 }, (_, index) => `/${index}`).join(', ');
  const paths = (name: string) => policy(name, `rules: [{to: [{operation: {paths: [${half}]}}]}]`);

  it('close the Service, whichever of them is one too many', () => {
    expect(served([paths('a'), paths('b')]).ports).toHaveLength(1);
    const closed = served([paths('a'), paths('b'), policy('c', 'rules: [{to: [{operation: {paths: [/c]}}]}]')]);
    expect([closed.ports, closed.authorizationPolicies]).toEqual([[], []]);
  });
});

it('policies of more bytes than a waypoint is told with each Service close it', () => {
  const long = (name: string) => policy(name, `rules: [{to: [{operation: {paths: [/${'a'.repeat(130_000)}]}}]}]`);
  expect(served([long('a'), long('b')]).ports).toHaveLength(1);
  expect(served([long('a'), long('b'), long('c')]).ports).toEqual([]);
});

describe('a policy', () => {
  it('that asks an authorizer nobody knows refuses what it matches, and changes nothing when it only watches', () => {
    const custom = policy('c', 'action: CUSTOM, provider: {name: opa}, rules: [{}]');
    expect(served([custom]).authorizers[0]?.protocol).toEqual({
      case: 'unavailable',
      value: 'MeshConfig has no provider opa',
    });
    const watching = custom.replace('namespace: shop}', 'namespace: shop, annotations: {istio.io/dry-run: "true"}}');
    expect(served([watching]).authorizationPolicies).toEqual([]);
    expect(served([watching]).ports).toHaveLength(1);
  });

  it('is asked of waypoints that know policies, and of no others', () => {
    expect(served([]).requiredFeatures).not.toContain('authorization');
    expect(served([policy('a', 'rules: [{}]')]).requiredFeatures).toContain('authorization');
  });
});

describe('the normalisation of paths', () => {
  it('is told to waypoints that know it when it is not the usual one', () => {
    expect(served([]).requiredFeatures).not.toContain('path-normalization');
    const { requiredFeatures, pathNormalization } = served([], { pathNormalization: 'MERGE_SLASHES' });
    expect(requiredFeatures).toContain('path-normalization');
    expect(pathNormalization).toBe(2);
  });
});

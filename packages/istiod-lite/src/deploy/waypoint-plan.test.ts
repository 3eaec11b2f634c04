import { join } from 'node:path';
import type { Gateway } from '@ambit/translation/gateway-objects';
import { DEFAULT_SETTINGS } from '@ambit/translation/translate/settings';
import { describe, expect, it } from 'vitest';
import { waypointPlan } from './waypoint-plan.ts';

const SETTINGS = { ...DEFAULT_SETTINGS, image: 'waypoint:1', replicas: 2 };
const GATEWAY: Gateway = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  metadata: { name: 'door', namespace: 'shop', uid: 'u1' },
  spec: {
    gatewayClassName: 'ambit-waypoint',
    listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
    infrastructure: { parametersRef: { group: '', kind: 'ConfigMap', name: 'sizes' } },
  },
};

describe('waypointPlan', () => {
  it('lays overlays over what a waypoint becomes', async () => {
    const plan = waypointPlan(GATEWAY, SETTINGS, {
      deployment: `
spec:
  template:
    metadata: { annotations: { note: mine } }
    spec:
      priorityClassName: high
      topologySpreadConstraints:
        - { topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule }
        - { topologyKey: topology.kubernetes.io/zone, maxSkew: 1, whenUnsatisfiable: ScheduleAnyway }
      containers:
        - name: istio-proxy
          resources: { limits: { cpu: "4" } }
          env: [{ name: LOG_LEVEL, value: debug }]
`,
      service: 'spec: { type: NodePort }',
      serviceAccount: 'imagePullSecrets: [{ name: pull }]',
      podDisruptionBudget: 'spec: { maxUnavailable: null, minAvailable: 50% }',
    });
    expect('objects' in plan).toBe(true);
    await expect(`${JSON.stringify(plan, null, 2)}\n`).toMatchFileSnapshot(
      join(import.meta.dirname, 'golden', 'waypoint-plan.json'),
    );
  });

  it.each<[string, Record<string, string> | 'missing', RegExp]>([
    ['a ConfigMap that is not there', 'missing', /shop\/sizes does not exist/],
    ['an unknown key', { deploymnt: '' }, /has the key "deploymnt"; known are deployment/],
    ['no YAML', { deployment: 'a: [' }, /key deployment: line 1/],
    ['a list', { deployment: '[1]' }, /key deployment: it is no map/],
    ['several documents', { deployment: 'spec: {}\n---\nspec: {}' }, /several documents/],
    ['an unknown field', { deployment: 'spec: { replica: 3 }' }, /key deployment: spec.replica: unknown field/],
    ['a wrong value', { service: 'spec: { type: Nodeport }' }, /key service: spec.type: "Nodeport" is not one of/],
    ['metadata', { service: 'metadata: { name: other }' }, /key service: metadata: cannot be changed/],
    [
      'the selector',
      { deployment: 'spec: { selector: { matchLabels: { a: b } } }' },
      /spec.selector: cannot be changed/,
    ],
    [
      'the selector of a Service',
      { service: 'spec: { selector: { app: other } }' },
      /spec.selector: cannot be changed/,
    ],
    [
      'the label that keeps a waypoint out of the mesh',
      { deployment: 'spec: { template: { metadata: { labels: { istio.io/dataplane-mode: ambient } } } }' },
      /dataplane-mode cannot be changed/,
    ],
    ['another kind', { deployment: 'kind: DaemonSet' }, /kind: cannot be changed/],
    ['no containers', { deployment: 'spec: { template: { spec: { containers: null } } }' }, /containers: is required/],
    ['an unknown field of a budget', { podDisruptionBudget: 'spec: { max: 1 }' }, /spec.max: unknown field/],
    ['a budget of both kinds', { podDisruptionBudget: 'spec: { minAvailable: 1 }' }, /exclude each other/],
    ['a budget that is no number', { podDisruptionBudget: 'spec: { maxUnavailable: all }' }, /must be a number/],
    ['an unknown directive', { deployment: 'spec: { $retainKeys: [x] }' }, /\$retainKeys: this directive/],
    ['megabytes', { deployment: `# ${'x'.repeat(70_000)}` }, /longer than 65536 bytes/],
  ])('refuses %s, names the ConfigMap, and what was deployed stays', (_name, parameters, message) => {
    const plan = waypointPlan(GATEWAY, SETTINGS, parameters);
    expect(plan).toMatchObject({ reason: 'InvalidParameters' });
    expect('message' in plan ? plan.message : '').toMatch(message);
    expect('message' in plan ? plan.message : '').toMatch(
      /^ConfigMap shop\/sizes .*; what was deployed before stays$/s,
    );
  });
});

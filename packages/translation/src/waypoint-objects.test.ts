import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { decodeManifests } from './decode.ts';
import { podsOfDeployment } from './deployment-pods.ts';
import type { Gateway } from './gateway-objects.ts';
import { DEFAULT_SETTINGS } from './translate/settings.ts';
import { waypointImage, waypointObjects } from './waypoint-objects.ts';

const SETTINGS = { ...DEFAULT_SETTINGS, image: waypointImage('1.2.3'), replicas: 2 };

function gateway(metadata: Partial<Gateway['metadata']> = {}, spec: Partial<Gateway['spec']> = {}): Gateway {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'waypoint', namespace: 'shop', ...metadata },
    spec: {
      gatewayClassName: 'istio-waypoint',
      listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
      ...spec,
    },
  };
}

describe('waypointObjects', () => {
  it('makes what Istio makes', async () => {
    const infrastructure = {
      labels: { team: 'a', 'gateway.networking.k8s.io/gateway-name': 'other' },
      annotations: { note: 'b' },
    };
    const annotations = { 'ambit.io/replicas': '3' };
    const objects = waypointObjects(gateway({ annotations, uid: 'u1' }, { infrastructure }), SETTINGS);
    const { serviceAccount, deployment, service, podDisruptionBudget } = objects;
    const text = [serviceAccount, deployment, service, podDisruptionBudget]
      .map((object) => stringify(object, { aliasDuplicateObjects: false }))
      .join('---\n');
    await expect(text).toMatchFileSnapshot(join(import.meta.dirname, 'golden', 'waypoint-objects.yaml'));
    expect(decodeManifests('waypoint.yaml', text).problems).toEqual([]);
    expect(podsOfDeployment(deployment).map(({ spec }) => spec.serviceAccountName)).toEqual(Array(3).fill('waypoint'));
  });

  it('takes other names from annotations', () => {
    const annotations = { 'gateway.istio.io/name-override': 'proxy', 'gateway.istio.io/service-account': 'account' };
    const { serviceAccount, deployment, service } = waypointObjects(gateway({ annotations }), SETTINGS);
    expect([serviceAccount, deployment, service].map(({ metadata }) => metadata.name)).toEqual([
      'account',
      'proxy',
      'proxy',
    ]);
    expect(deployment.spec.template.spec.serviceAccountName).toBe('account');
    expect(deployment.spec.selector.matchLabels).toEqual({ 'gateway.networking.k8s.io/gateway-name': 'waypoint' });
  });
});

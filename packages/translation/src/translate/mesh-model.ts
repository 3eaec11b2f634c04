import type { Model } from '../model.ts';

type MeshObjects =
  | 'authorizationPolicies'
  | 'configMaps'
  | 'endpointSlices'
  | 'gatewayClasses'
  | 'gateways'
  | 'namespaces'
  | 'nodes'
  | 'peerAuthentications'
  | 'pods'
  | 'requestAuthentications'
  | 'serviceEntries'
  | 'services'
  | 'workloadEntries';

/** What node proxies are told is made of these objects alone: no route changes it. */
export type MeshModel = Pick<Model, MeshObjects>;

export const MESH_OBJECTS: readonly MeshObjects[] = [
  'authorizationPolicies',
  'configMaps',
  'endpointSlices',
  'gatewayClasses',
  'gateways',
  'namespaces',
  'nodes',
  'peerAuthentications',
  'pods',
  'requestAuthentications',
  'serviceEntries',
  'services',
  'workloadEntries',
];

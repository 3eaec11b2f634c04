import type { Deployment, Pod } from './objects.ts';

/**
 * The pods that a Deployment wants, as its ReplicaSet would make them: names `<deployment>-<template hash>-<suffix>`,
 * the template's labels and `pod-template-hash`, annotations, and a ReplicaSet as owner. The same Deployment always
 * gives the same pods, a changed template other ones, and more replicas add to those that were there.
 * What a cluster adds later is missing: uid, nodeName, status.
 */
export function podsOfDeployment(deployment: Deployment): Pod[] {
  const { metadata, spec } = deployment;
  const hash = safeHash(canonicalJson(spec.template), 10);
  const replicaSet = `${metadata.name}-${hash}`;
  return Array.from({ length: spec.replicas ?? 1 }, (_, index): Pod => {
    const suffix = safeHash(`${metadata.namespace}/${replicaSet}/${index}`, SUFFIX_LENGTH);
    const { labels, annotations } = spec.template.metadata ?? {};
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `${`${replicaSet}-`.slice(0, MAX_NAME_LENGTH - SUFFIX_LENGTH)}${suffix}`,
        namespace: metadata.namespace,
        labels: { ...labels, 'pod-template-hash': hash },
        ...(annotations === undefined ? {} : { annotations }),
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'ReplicaSet',
            name: replicaSet,
            uid: `${metadata.namespace}/${replicaSet}`,
            controller: true,
          },
        ],
      },
      spec: spec.template.spec,
    };
  });
}

/** Generated names are cut so that they stay DNS labels (Kubernetes: 63 with the suffix). */
const MAX_NAME_LENGTH = 63;
const SUFFIX_LENGTH = 5;

/** No vowels and nothing that looks alike, so that no hash is a word: the alphabet of Kubernetes. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** FNV-1a over 64 bits in two halves, as text of a given length. */
function safeHash(text: string, length: number): string {
  let high = fnv1a(text, 0x811c9dc5);
  let low = fnv1a(text, high ^ 0x5bd1e995);
  let result = '';
  for (let index = 0; index < length; index++) {
    const part = index % 2 === 0 ? high : low;
    result += ALPHABET.charAt(part % ALPHABET.length);
    if (index % 2 === 0) high = Math.floor(high / ALPHABET.length);
    else low = Math.floor(low / ALPHABET.length);
  }
  return result;
}

function fnv1a(text: string, seed: number): number {
  let hash = seed;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  // The low bits of FNV mix badly for short inputs.
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) >>> 0;
}

/** JSON with sorted keys, so that the order in which a manifest names fields does not matter. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

import { decodeApiObject } from '@ambit/translation/decode';
import type { DecodedObject } from '@ambit/translation/decode';
import { fieldUnder, listUnder, type RawObject, readableObject, textUnder } from './api-object.ts';
import { asksForTls } from './asks-for-tls.ts';
import { WATCHED, type WatchedKind } from './watched-kinds.ts';

/**
 * What holds in place of an object that cannot be taken and of which no good state is known, so that a controller that
 * starts anew opens nothing: a policy that lets nothing through where it would have judged, mutual TLS where it would have
 * been chosen, tokens asked for where they would have been, a waypoint where one was, and
 * nobody to be trusted where somebody would have been, so that nothing goes there in the clear. Undefined for every other kind and for what cannot be read at all.
 */
export function substituteFor(kind: WatchedKind, object: RawObject): DecodedObject | undefined {
  for (const spec of substitutes(kind, object)) {
    const { objects, problems } = decodeApiObject(readableObject({ ...object, spec }, WATCHED[kind]));
    if (problems.length === 0 && objects[0] !== undefined) return objects[0];
  }
  return undefined;
}

/** The narrowest first. */
function substitutes(kind: WatchedKind, { spec, status }: RawObject): Record<string, unknown>[] {
  if (kind === 'AuthorizationPolicy') {
    const closed = fieldUnder(spec, 'action') === 'DENY' ? { action: 'DENY', rules: [{}] } : {};
    return [{ ...closed, ...fieldsOf(spec, ['selector', 'targetRef', 'targetRefs']) }, closed];
  }
  if (kind === 'PeerAuthentication') {
    const closed = { mtls: { mode: 'STRICT' } };
    return [{ ...closed, ...fieldsOf(spec, ['selector']) }, closed];
  }
  if (kind === 'RequestAuthentication') {
    const closed = { jwtRules: [{}] };
    const targets = [fieldUnder(spec, 'targetRef'), ...listUnder(spec, 'targetRefs')].flatMap(readableTarget);
    return [
      { ...closed, ...fieldsOf(spec, ['selector', 'targetRef', 'targetRefs']) },
      ...(targets.length === 0 ? [] : [{ ...closed, targetRefs: targets.slice(0, 16) }]),
    ];
  }
  if (kind === 'BackendTLSPolicy') {
    const targets = listUnder(spec, 'targetRefs').flatMap(readableTarget);
    // Nobody can be trusted by it, so nothing is connected.
    const validation = { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: NOBODY }], hostname: NOBODY };
    return [{ targetRefs: targets.slice(0, 16).map((target) => ({ group: '', ...target })), validation }];
  }
  if (kind === 'DestinationRule' && asksForTls(spec)) {
    // TLS for which nothing is there.
    const closed = { ...fieldsOf(spec, ['host']), trafficPolicy: { tls: { mode: 'MUTUAL' } } };
    return [{ ...closed, ...fieldsOf(spec, ['exportTo']) }, closed];
  }
  if (kind === 'Gateway' && listUnder(status, 'addresses').length > 0) {
    const listeners = [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }];
    return [{ ...fieldsOf(spec, ['gatewayClassName']), listeners }];
  }
  return [];
}

const NOBODY = 'the-policy-is-wrong';

/** As much of a target as tells what it is. */
function readableTarget(target: unknown): Record<string, string>[] {
  const [kind, name] = [textUnder(target, 'kind'), textUnder(target, 'name')];
  return kind === undefined || name === undefined ? [] : [{ kind, name }];
}

function fieldsOf(value: unknown, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const field = fieldUnder(value, name);
      return field === undefined ? [] : [[name, field]];
    }),
  );
}

import { decodeManifests } from '@ambit/translation/decode';
import { buildModel, type Model } from '@ambit/translation/model';
import { describe, expect, it } from 'vitest';
import { digestible } from './digestible-model.ts';

/** Services by name, each with a port of its own; a name may stand with a version. */
function services(...names: readonly string[]): Model {
  const text = names.map((name) => {
    const [own = '', version = '1'] = name.split('@');
    return `{apiVersion: v1, kind: Service, metadata: {name: ${own}, namespace: shop}, spec: {ports: [{port: ${version}}]}}`;
  });
  return buildModel([{ role: 'manifest', decoded: decodeManifests('test.yaml', text.join('\n---\n')) }]).model;
}

const portsOf = (model: Model): string[] =>
  [...model.services].map(([name, { spec }]) => `${name.slice('shop/'.length)}@${spec.ports?.[0]?.port ?? 0}`);

/** A translation that throws at some of them. */
function refusing(...wrong: readonly string[]): { translate: (model: Model) => string[]; calls: () => number } {
  let calls = 0;
  return {
    translate: (model) => {
      calls++;
      const all = portsOf(model);
      const met = wrong.find((one) => all.includes(one));
      if (met !== undefined) throw new Error(`at ${met}`);
      return all;
    },
    calls: () => calls,
  };
}

describe('as much of a model as can be translated', () => {
  it('is all but the newest state of what cannot, wherever that stands', () => {
    const base = services('a', 'b', 'c', 'gone');
    const wanted = services('a@2', 'b@2', 'c@2', 'd', 'e');
    const { translate } = refusing('a@2', 'd@1');
    const found = digestible(base, wanted, [], translate);
    expect(found?.result).toEqual(['a@1', 'b@2', 'c@2', 'e@1']);
    expect(portsOf(found?.model ?? base)).toEqual(found?.result);
    const left = found?.left.map(({ name, newest, former, reason }) => [name, !!newest, !!former, reason]);
    expect(left).toEqual([
      ['shop/a', true, true, 'at a@2'],
      ['shop/d', true, false, 'at d@1'],
    ]);
  });

  it('leaves out the one that cannot be together with the others', () => {
    const translate = (model: Model): string[] => {
      if (model.services.has('shop/a') && model.services.has('shop/b')) throw new Error('both');
      return portsOf(model);
    };
    expect(digestible(services(), services('a', 'b', 'c'), [], translate)?.result).toEqual(['a@1', 'c@1']);
  });

  it('keeps what was deleted where nothing can be translated without it', () => {
    const translate = (model: Model): string[] => {
      if (!model.services.has('shop/a')) throw new Error('a is missing');
      return portsOf(model);
    };
    expect(digestible(services('a', 'b'), services('b@2'), [], translate)?.result).toEqual(['a@1', 'b@2']);
  });

  it('does not look again for what was found before, until it changes', () => {
    const base = services('a', 'b');
    const wanted = services('a@2', 'b@2');
    const first = digestible(base, wanted, [], refusing('a@2').translate);
    const later = refusing('a@2');
    expect(digestible(base, wanted, first?.left ?? [], later.translate)?.result).toEqual(['a@1', 'b@2']);
    expect(later.calls()).toBe(1);
    const changed = services('a@3', 'b@2');
    expect(digestible(base, changed, first?.left ?? [], refusing('a@2').translate)?.result).toEqual(['a@3', 'b@2']);
  });

  it('is found in few steps among many changes', () => {
    const names = Array.from({ length: 256 }, (_, index) => `s${index}`);
    const { translate, calls } = refusing('s77@1');
    expect(digestible(services(), services(...names), [], translate)?.result.length).toBe(255);
    expect(calls()).toBeLessThanOrEqual(2 * 8 + 1);
  });

  const TLS = 'apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: tls, namespace: shop}';
  const ENTRY =
    '{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: pay, namespace: shop}, spec: {hosts: [pay.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}}';
  it.each([
    ['a DestinationRule that asks for TLS', `{${TLS}, spec: {host: a, trafficPolicy: {tls: {mode: SIMPLE}}}}`, false],
    [
      'a DestinationRule that asks for TLS in a subset',
      `{${TLS}, spec: {host: a, subsets: [{name: one, trafficPolicy: {portLevelSettings: [{port: {number: 1}, tls: {mode: MUTUAL, credentialName: one}}]}}]}}`,
      false,
    ],
    ['a DestinationRule without TLS', `{${TLS}, spec: {host: a, trafficPolicy: {tls: {mode: DISABLE}}}}`, true],
    [
      'a BackendTLSPolicy',
      "{apiVersion: gateway.networking.k8s.io/v1, kind: BackendTLSPolicy, metadata: {name: tls, namespace: shop}, spec: {targetRefs: [{group: '', kind: Service, name: a}], validation: {hostname: a, wellKnownCACertificates: System}}}",
      false,
    ],
    ['a ServiceEntry', ENTRY, true],
    [
      'a ServiceEntry that a policy judges',
      `${ENTRY}\n---\n{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: deny, namespace: shop}, spec: {action: DENY, targetRefs: [{group: networking.istio.io, kind: ServiceEntry, name: pay}], rules: [{}]}}`,
      false,
    ],
  ])('goes on without %s only where that leaves nothing open', (_what, text, goesOn) => {
    const { model, problems } = buildModel([{ role: 'manifest', decoded: decodeManifests('test.yaml', text) }]);
    expect(problems).toEqual([]);
    const translate = ({ destinationRules, backendTlsPolicies, serviceEntries }: Model): number => {
      if (destinationRules.size + backendTlsPolicies.size + serviceEntries.size > 0) throw new Error('cannot');
      return 0;
    };
    expect(digestible(services(), model, [], translate) !== undefined).toBe(goesOn);
  });
});

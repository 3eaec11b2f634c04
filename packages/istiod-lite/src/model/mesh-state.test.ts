import { ManualClock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { decodeManifests } from '@ambit/translation/decode';
import { DEFAULT_SETTINGS } from '@ambit/translation/translate/settings';
import { beforeEach, describe, expect, it } from 'vitest';
import { NOT_HONOURED_LINES } from '../limits.ts';
import { Counters } from '../serve/counters.ts';
import type { Configuration, Refusal } from '../watch/configuration.ts';
import { MeshState } from './mesh-state.ts';
import { ReadyWaypoints } from './ready-waypoints.ts';

let lines: { level: string; text: string }[];
let refusals: (readonly Refusal[])[];
let isServable: boolean;
let mesh: MeshState;

beforeEach(() => {
  lines = [];
  refusals = [];
  isServable = true;
  const note =
    (level: string) =>
    (fields: object | string, message = ''): void => {
      lines.push({ level, text: `${JSON.stringify(fields)} ${message}` });
    };
  const log: Logger = {
    ...{ debug: note('debug'), info: note('info'), warn: note('warn') },
    ...{ error: note('error'), fatal: note('fatal') },
  };
  mesh = new MeshState({
    ...{ settings: DEFAULT_SETTINGS, counters: new Counters(), clock: new ManualClock(), log },
    publish: (snapshot) => {
      if (!isServable) throw new Error('a number does not fit into its field');
      refusals.push(snapshot.refusals);
    },
    readyWaypoints: new ReadyWaypoints('', log),
  });
});

function configuration(text: string): Configuration {
  const decoded = decodeManifests('test.yaml', text);
  expect(decoded.problems).toEqual([]);
  return { sources: [{ role: 'manifest', decoded }], problems: [], refusals: [], changedAt: 0 };
}

const SERVICE = '{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {ports: [{port: 80}]}}';
const POLICY =
  '{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: closed, namespace: shop}, spec: {}}';
const POD =
  '{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: shop, uid: u-1}, spec: {nodeName: a, containers: [{name: web, image: web}]}, status: {phase: Running, podIP: 10.0.0.1}}';

/** The same with one object as no reader would let it through, so that translating it fails. */
function indigestible(text: string, kind: string): Configuration {
  const { sources, ...rest } = configuration(text);
  const broken = sources.map(({ decoded, ...source }) => {
    const objects = decoded.objects.map((entry) => {
      const { kind: own, metadata } = entry.object;
      return own === kind ? { ...entry, object: { kind: own, metadata } as unknown as typeof entry.object } : entry;
    });
    return { ...source, decoded: { ...decoded, objects } };
  });
  return { ...rest, sources: broken };
}

describe('the state of the mesh', () => {
  it('goes on without the change that cannot be translated, and says which it is', () => {
    mesh.apply(configuration(SERVICE));
    const before = [...(mesh.translation?.addresses.keys() ?? [])];
    for (let turn = 0; turn < 2; turn++) mesh.apply(indigestible(`${SERVICE}\n---\n${POD}`, 'Service'));
    expect([...(mesh.translation?.addresses.keys() ?? [])]).toEqual([...before, 'Kubernetes//Pod/shop/web-1'].sort());
    const said = mesh.notHonoured.filter((line) => line.includes('which is a defect of the controller'));
    expect(said).toEqual([expect.stringMatching(/^Service shop\/web: it cannot be translated.*last good state stays/)]);
    expect(refusals.at(-1)).toEqual([expect.objectContaining({ kind: 'Service', name: 'shop/web' })]);
    mesh.apply(configuration(`${SERVICE}\n---\n${POD}`));
    expect([mesh.notHonoured, refusals.at(-1)]).toEqual([[], []]);
  });

  it('stays as it was when a policy cannot be translated, says so once, and goes on with the next change', () => {
    mesh.apply(configuration(SERVICE));
    const before = mesh.translation;
    for (let turn = 0; turn < 2; turn++) {
      mesh.apply(indigestible(`${SERVICE}\n---\n${POD}\n---\n${POLICY}`, 'AuthorizationPolicy'));
    }
    expect([refusals.length, mesh.translation === before]).toEqual([1, true]);
    expect(lines.filter(({ level }) => level === 'error').length).toBe(1);
    expect(mesh.notHonoured.join()).toContain('the newest changes are not in force');
    mesh.apply(configuration(SERVICE));
    expect([refusals.length, mesh.notHonoured]).toEqual([2, []]);
  });

  it('serves nothing at all when the first configuration cannot be translated', () => {
    mesh.apply(indigestible(`${SERVICE}\n---\n${POD}`, 'Service'));
    expect([refusals.length, mesh.translation]).toEqual([0, undefined]);
  });

  it('shows, and goes by, what is served, when a change cannot be', () => {
    mesh.apply(configuration(SERVICE));
    isServable = false;
    mesh.apply(configuration(`${SERVICE}\n---\n${POD}`));
    expect([mesh.pod('shop/web-1'), mesh.podsOnNode('a')]).toEqual([undefined, []]);
    expect([...(mesh.translation?.addresses.keys() ?? [])].join()).not.toContain('web-1');
    expect(mesh.notHonoured.join()).toContain('the newest changes are not in force');
    isServable = true;
    mesh.apply(configuration(`${SERVICE}\n---\n${POD}`));
    expect(mesh.podsOnNode('a').length).toBe(1);
  });

  it('logs some of many things that are not honoured, names all to who asks, and says none twice', () => {
    const sidecars = Array.from({ length: NOT_HONOURED_LINES + 5 }, (_, index) => {
      return `{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: s${index}, namespace: shop}}`;
    });
    for (let turn = 0; turn < 2; turn++) mesh.apply(configuration(sidecars.join('\n---\n')));
    const warnings = lines.filter(({ level }) => level === 'warn');
    expect(warnings.length).toBe(NOT_HONOURED_LINES + 1);
    expect(warnings.at(-1)?.text).toContain('"more":5');
    expect(mesh.notHonoured.length).toBe(NOT_HONOURED_LINES + 5);
  });
});

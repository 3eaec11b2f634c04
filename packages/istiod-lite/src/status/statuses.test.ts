import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Refusal } from '../watch/configuration.ts';
import type { DesiredStatus } from './desired-status.ts';
import { statusBody } from './status-body.ts';
import { snapshotOf, statusesOf } from './test-snapshot.ts';

const FOLDER = join(import.meta.dirname, 'golden');
const TEXT = readFileSync(join(FOLDER, 'statuses.in.yaml'), 'utf8');
const NOW = Date.UTC(2026, 0, 31, 10);
const LATER = NOW + 60_000;

function find(statuses: readonly DesiredStatus[], kind: string, name: string): DesiredStatus {
  const found = statuses.find((desired) => desired.kind === kind && desired.name === name);
  if (found === undefined) throw new Error(`no status of ${kind} ${name}`);
  return found;
}

function applied(desired: DesiredStatus, status: unknown = {}, now = NOW): Record<string, unknown> {
  const body = statusBody(desired, { status }, now);
  if (body === undefined) throw new Error('nothing is to be written');
  return body.status;
}

describe('statuses', () => {
  it('say of every object what became of it', async () => {
    const written = statusesOf(snapshotOf(TEXT)).flatMap((desired) => {
      const { kind, name, fieldManager } = desired;
      const body = statusBody(desired, { status: {} }, NOW);
      return body === undefined ? [] : [{ kind, name, fieldManager, ...body }];
    });
    await expect(`${JSON.stringify(written, null, 1)}\n`).toMatchFileSnapshot(join(FOLDER, 'statuses.out.json'));
  });

  it('are not of classes and Gateways of other controllers', () => {
    const claimed = TEXT.replace('controllerName: istio.io/mesh-controller', 'controllerName: example.com/other');
    const subjects = (text: string): string[] =>
      statusesOf(snapshotOf(text)).map(({ kind, name }) => `${kind} ${name}`);
    expect(subjects(TEXT)).not.toContain('GatewayClass nginx');
    expect(subjects(TEXT)).not.toContain('Gateway shop/ingress');
    expect(subjects(TEXT)).toContain('GatewayClass istio-waypoint');
    expect(subjects(claimed)).not.toContain('GatewayClass istio-waypoint');
    expect(subjects(claimed)).not.toContain('Gateway shop/ready');
    expect(subjects(claimed)).toContain('Gateway shop/unready');
  });

  it('are not of Gateways of other revisions, wrong ones either', () => {
    const statuses = statusesOf(snapshotOf(TEXT));
    expect(statuses.map(({ kind, name }) => `${kind} ${name}`)).not.toContain('Gateway shop/blue');
    expect(statuses.map(({ kind, name }) => `${kind} ${name}`)).toContain('Gateway shop/ready');
  });

  it('are written once: what is said already is not said again', () => {
    for (const desired of statusesOf(snapshotOf(TEXT))) {
      const body = statusBody(desired, { status: {} }, NOW);
      expect(statusBody(desired, { status: body?.status ?? {} }, LATER)).toBeUndefined();
    }
  });

  it('name a refused object’s fields, at the generation that is refused, beside what its last good state means', () => {
    const refusal = (kind: Refusal['kind'], name: string, further: Partial<Refusal> = {}): Refusal => ({
      ...{ kind, name, generation: 9, message: 'spec.x: unknown field', parents: [], ...further },
    });
    const parents = [{ group: '', kind: 'Service', name: 'bound' }, { name: 'ingress' }];
    const statuses = statusesOf(
      snapshotOf(TEXT, [
        refusal('AuthorizationPolicy', 'shop/only-get'),
        refusal('AuthorizationPolicy', 'shop/at-waypoint'),
        refusal('AuthorizationPolicy', 'shop/never-good'),
        refusal('Gateway', 'shop/ready'),
        refusal('HTTPRoute', 'shop/split', { parents }),
      ]),
    );
    const verdict = { status: 'False', reason: 'Invalid', message: 'spec.x: unknown field', observedGeneration: 9 };
    expect(applied(find(statuses, 'AuthorizationPolicy', 'shop/only-get'))).toMatchObject({
      conditions: [{ type: 'ZtunnelAccepted', ...verdict }],
    });
    expect(applied(find(statuses, 'AuthorizationPolicy', 'shop/at-waypoint'))).toMatchObject({
      conditions: [{ type: 'WaypointAccepted', ...verdict }],
    });
    expect(applied(find(statuses, 'AuthorizationPolicy', 'shop/never-good'))).toMatchObject({
      conditions: [{ type: 'ZtunnelAccepted', ...verdict }],
    });
    expect(applied(find(statuses, 'Gateway', 'shop/ready'))).toMatchObject({
      conditions: [
        { type: 'Accepted', ...verdict },
        { type: 'Programmed', status: 'True', observedGeneration: 3 },
      ],
    });
    expect(applied(find(statuses, 'HTTPRoute', 'shop/split'))).toMatchObject({
      parents: [{ parentRef: parents[0], conditions: [{ type: 'Accepted', status: 'False', observedGeneration: 9 }] }],
    });
  });

  it('name what kept a waypoint from being deployed', () => {
    const problem = { type: 'Accepted', reason: 'InvalidParameters', message: 'key deployment: no' } as const;
    const statuses = statusesOf(snapshotOf(TEXT), new Map([['shop/ready', problem]]));
    expect(applied(find(statuses, 'Gateway', 'shop/ready'))).toMatchObject({
      conditions: [
        { ...problem, status: 'False' },
        { type: 'Programmed', status: 'True' },
      ],
    });
  });
});

describe('a status that stands there already', () => {
  const desired = find(statusesOf(snapshotOf(TEXT)), 'Service', 'shop/bound');
  const gateway = find(statusesOf(snapshotOf(TEXT)), 'Gateway', 'shop/ready');
  const unready = find(statusesOf(snapshotOf(TEXT)), 'Gateway', 'shop/unready');
  const policy = find(statusesOf(snapshotOf(TEXT)), 'AuthorizationPolicy', 'shop/only-get');
  const route = find(statusesOf(snapshotOf(TEXT)), 'GRPCRoute', 'shop/calls');

  const timeOf = (status: Record<string, unknown>): unknown =>
    (status['conditions'] as { lastTransitionTime: string }[])[0]?.lastTransitionTime;

  it('keeps its time while only the words change, and gets a new one with the status', () => {
    const before = applied(desired);
    const [condition] = before['conditions'] as object[];
    expect(timeOf(applied(desired, { conditions: [{ ...condition, message: 'other' }] }, LATER))).toBe(
      '2026-01-31T10:00:00Z',
    );
    expect(timeOf(applied(desired, { conditions: [{ ...condition, status: 'False' }] }, LATER))).toBe(
      '2026-01-31T10:01:00Z',
    );
  });

  it('loses what is not asked for any more, and only what is ours', () => {
    const none = find(statusesOf(snapshotOf(TEXT)), 'Service', 'shop/plain');
    const others = { type: 'example.com/Other', status: 'True' };
    expect(statusBody(none, { status: { conditions: [others] } }, NOW)).toBeUndefined();
    const ours = applied(desired)['conditions'] as object[];
    expect(applied(none, { conditions: [others, ...ours] })).toEqual({ conditions: [] });
  });

  it('keeps others’ conditions where the list is one value, and is locked to what was read', () => {
    const others = { type: 'Reconciled', status: 'True' };
    const body = statusBody(policy, { status: { conditions: [others] } }, NOW);
    expect(body).toMatchObject({ locked: true, status: { conditions: [others, { type: 'ZtunnelAccepted' }] } });
  });

  it('keeps other controllers’ parents, and drops ours that the route does not name any more', () => {
    const others = { controllerName: 'example.com/other', parentRef: { name: 'x' }, conditions: [] };
    const stale = { controllerName: 'istio.io/mesh-controller', parentRef: { name: 'gone' }, conditions: [] };
    const body = statusBody(route, { status: { parents: [stale, others] } }, NOW);
    expect(body).toMatchObject({
      locked: true,
      status: { parents: [others, { parentRef: { name: 'waiting' } }] },
    });
  });

  it('never loses the addresses of a waypoint', () => {
    const addresses = [{ type: 'IPAddress', value: '10.96.0.77' }];
    expect(applied(unready, { addresses })['addresses']).toEqual(addresses);
    expect(applied(unready)['addresses']).toBeUndefined();
    expect(applied(gateway, { addresses })['addresses']).toEqual([
      { type: 'IPAddress', value: '10.96.0.9' },
      { type: 'IPAddress', value: 'fd00::9' },
      { type: 'Hostname', value: 'ready.shop.svc.cluster.local' },
    ]);
  });
});

import { ManualClock, systemClock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubeClient } from './client.ts';
import type { KubeEvent } from './event-object.ts';
import { EventRecorder } from './events.ts';
import type { KubeObject } from './resource.ts';
import { sendJson, sendStatus, TestApiServer } from './test-api-server.ts';

let server: TestApiServer;
let client: KubeClient;
let clock: ManualClock;
let recorder: EventRecorder;
let warnings: string[];

const pod: KubeObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'orders-0', namespace: 'shop', uid: 'u' } };

function warn(fields: object | string, message = ''): void {
  warnings.push(`${message} ${JSON.stringify(fields)}`);
}

beforeEach(async () => {
  server = await TestApiServer.start();
  server.reply = (request, response, body) =>
    sendJson(response, request.method === 'POST' ? JSON.parse(body) : { metadata: { name: 'e' } }, 200);
  client = new KubeClient(server.apiServer, { clock: systemClock, userAgent: 'ambit-test' });
  clock = new ManualClock(Date.parse('2026-01-01T00:00:00Z'));
  warnings = [];
  const silent = (): void => undefined;
  const log: Logger = { debug: silent, info: silent, warn, error: warn, fatal: silent };
  recorder = new EventRecorder({ client, component: 'istio-cni-node', instance: 'node-a', clock, log });
});

afterEach(async () => {
  recorder.destroy();
  client.destroy();
  await server.kill();
});

async function written(count: number): Promise<KubeEvent[]> {
  await expect.poll(() => server.received.length).toBe(count);
  return server.received.map(({ body }) => JSON.parse(body) as KubeEvent);
}

describe('events', () => {
  it('say who reports what about which object', async () => {
    recorder.record(pod, 'Warning', 'EnrolmentFailed', 'nft is not installed on the node');
    const [event] = await written(1);
    expect(server.received[0]?.path).toBe('/apis/events.k8s.io/v1/namespaces/shop/events');
    expect(event).toMatchObject({
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingController: 'istio-cni-node',
      reportingInstance: 'node-a',
      reason: 'EnrolmentFailed',
      note: 'nft is not installed on the node',
      type: 'Warning',
      regarding: { apiVersion: 'v1', kind: 'Pod', name: 'orders-0', namespace: 'shop', uid: 'u' },
    });
  });

  it('about an object of cluster scope lie in default', async () => {
    recorder.record({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'a' } }, 'Normal', 'Ready', 'yes');
    const [event] = await written(1);
    expect(event?.metadata.namespace).toBe('default');
    expect(event?.regarding.namespace).toBeUndefined();
  });

  it('that repeat are counted in the first one', async () => {
    for (let n = 0; n < 1_000; n += 1) recorder.record(pod, 'Warning', 'ProbeFailed', 'no answer');
    await written(1);
    clock.advance(30_000);
    const [first, count] = await written(2);
    expect(server.received[1]).toMatchObject({ method: 'PATCH' });
    expect(server.received[1]?.path).toBe(
      `/apis/events.k8s.io/v1/namespaces/shop/events/${first?.metadata.name ?? ''}`,
    );
    expect(count).toEqual({ series: { count: 1_000, lastObservedTime: '2026-01-01T00:00:00.000000Z' } });
    clock.advance(600_000);
    recorder.record(pod, 'Warning', 'ProbeFailed', 'no answer');
    await written(3);
    expect(server.received[2]?.method).toBe('POST');
  });

  it('that repeat after a long time are events of their own', async () => {
    recorder.record(pod, 'Warning', 'ProbeFailed', 'no answer');
    await written(1);
    clock.advance(600_000);
    recorder.record(pod, 'Warning', 'ProbeFailed', 'no answer');
    await written(2);
    expect(server.received[1]?.method).toBe('POST');
  });

  it('of a series that the API server has forgotten are written anew', async () => {
    recorder.record(pod, 'Warning', 'ProbeFailed', 'no answer');
    await written(1);
    const { reply } = server;
    server.reply = (request, response, body) =>
      request.method === 'PATCH' ? sendStatus(response, 404, 'NotFound', 'gone') : reply(request, response, body);
    recorder.record(pod, 'Warning', 'ProbeFailed', 'no answer');
    clock.advance(30_000);
    const [, , again] = await written(3);
    expect(again).toMatchObject({ note: 'no answer', series: { count: 2 } });
  });

  it('too many about one object are dropped and counted, those about others are not', async () => {
    for (let n = 0; n < 100; n += 1) recorder.record(pod, 'Normal', 'Changed', `number ${n}`);
    recorder.record({ ...pod, metadata: { name: 'other', namespace: 'shop' } }, 'Normal', 'Changed', 'here');
    expect((await written(26)).at(-1)?.regarding.name).toBe('other');
    clock.advance(30_000);
    expect(warnings.join('\n')).toContain('{"dropped":75}');
    clock.advance(300_000);
    recorder.record(pod, 'Normal', 'Changed', 'after a while');
    await written(27);
  });

  it('are cut to what the API server takes, never inside a character', async () => {
    const name = 'x'.repeat(253);
    recorder.record({ ...pod, metadata: { name, namespace: 'shop' } }, 'Normal', 'R'.repeat(300), 'ü'.repeat(2_000));
    const [event] = await written(1);
    expect(Buffer.byteLength(event?.note ?? '')).toBeLessThanOrEqual(1_024);
    expect(event?.note).toMatch(/^ü+…$/);
    expect(event?.reason.length).toBe(128);
    expect(event?.metadata.name.length).toBeLessThanOrEqual(253);
  });

  it('never throw and never wait, whatever the API server says', async () => {
    server.reply = (_, response) => sendStatus(response, 403, 'Forbidden', 'cannot create events');
    recorder.record(pod, 'Normal', 'A', 'b');
    await expect.poll(() => warnings.length).toBe(1);
    expect(warnings[0]).toContain('create events.events.k8s.io in namespace shop: 403 Forbidden');
  });

  it('close writes what waits', async () => {
    for (let n = 0; n < 5; n += 1) recorder.record(pod, 'Normal', 'A', `b${n}`);
    await recorder.close({ deadline: 5_000 });
    expect(server.received.length).toBe(5);
    recorder.record(pod, 'Normal', 'A', 'late');
    expect(server.received.length).toBe(5);
  });
});

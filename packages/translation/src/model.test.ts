import { describe, expect, it } from 'vitest';
import { decodeManifests } from './decode.ts';
import { formatProblem } from './manifest/problem.ts';
import { buildModel, type ModelSource } from './model.ts';

function source(role: ModelSource['role'], file: string, text: string): ModelSource {
  const decoded = decodeManifests(file, text);
  expect(decoded.problems).toEqual([]);
  return { role, decoded };
}

const POD =
  '{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop, labels: {v: "1"}, annotations: {x: "1", y: "1"}}, spec: {containers: [{name: c, image: c}]}}';
const SEEN =
  '{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop, uid: u1, labels: {v: "0"}, annotations: {x: "2", ambient.istio.io/redirection: enabled}}, ' +
  'spec: {nodeName: n1, serviceAccountName: sa, containers: [{name: other, image: c}]}, status: {podIP: 10.0.0.1}}';

describe('buildModel', () => {
  it('adds to what a user wants what was observed of it', () => {
    const { model, problems } = buildModel([
      source('observation', 'z.status.yaml', SEEN),
      source('manifest', 'a.yaml', POD),
    ]);
    expect(problems).toEqual([]);
    expect(model.pods.get('shop/a')).toMatchObject({
      metadata: {
        uid: 'u1',
        labels: { v: '1' },
        annotations: { x: '2', y: '1', 'ambient.istio.io/redirection': 'enabled' },
      },
      spec: { nodeName: 'n1', serviceAccountName: 'sa', containers: [{ name: 'c' }] },
      status: { podIP: '10.0.0.1' },
    });
  });

  it('takes an observed pod that nobody wrote as it is', () => {
    const { model } = buildModel([source('observation', 'z.status.yaml', SEEN)]);
    expect(model.pods.get('shop/a')?.spec.containers[0]?.name).toBe('other');
  });

  it('gives a Service the address the cluster chose, never over one that was asked for', () => {
    const service = (ip: string): string =>
      `{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {${ip}ports: [{port: 80}]}}`;
    const observed = source('observation', 's.status.yaml', service('clusterIP: 10.96.0.9, '));
    const addressOf = (text: string): string | undefined =>
      buildModel([source('manifest', 'a.yaml', text), observed]).model.services.get('default/s')?.spec.clusterIP;
    expect(addressOf(service(''))).toBe('10.96.0.9');
    expect(addressOf(service('clusterIP: None, '))).toBe('None');
  });

  it('keeps the object of the file that sorts first, whatever the order of reading, and names the other', () => {
    const first = source('manifest', 'a.yaml', POD);
    const second = source('manifest', 'b.yaml', POD.replace('name: c,', 'name: second,'));
    for (const order of [
      [first, second],
      [second, first],
    ]) {
      const { model, problems } = buildModel(order);
      expect(model.pods.get('shop/a')?.spec.containers[0]?.name).toBe('c');
      expect(problems.map(formatProblem)).toEqual([
        'b.yaml:1:1: Pod shop/a: metadata: the object stands in another file too, and that one holds (a.yaml, line 1)',
      ]);
    }
  });
});

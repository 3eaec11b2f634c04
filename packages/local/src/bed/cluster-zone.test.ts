import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Service } from '@ambit/translation/objects';
import { ClusterZone } from './cluster-zone.ts';
import { NAME_ERROR, NO_ERROR, readQuestion, TYPE_A, TYPE_AAAA, TYPE_SRV, writeAnswer } from './dns-message.ts';

const service = (name: string, spec: Service['spec']): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec,
});

const endpoints = [
  { ip: '10.244.1.2', port: 8080 },
  { ip: '10.244.2.2', port: 8080 },
];
const port = { name: 'http', port: 80 };

function zone(): ClusterZone {
  const made = new ClusterZone('cluster.local', new Map([['istiod.istio-system.svc.cluster.local', '172.18.1.1']]));
  made.update([
    { object: service('web', {}), ip: '10.96.1.1', ports: [{ port, endpoints }] },
    { object: service('headless', { clusterIP: 'None' }), ip: undefined, ports: [{ port, endpoints }] },
    {
      object: service('out', { type: 'ExternalName', externalName: 'Web.shop.svc.cluster.local' }),
      ip: undefined,
      ports: [],
    },
  ]);
  return made;
}

describe('the names of the cluster', () => {
  const ips = (name: string, type = TYPE_A): string[] =>
    zone()
      .answer(name, type)
      .answers.map((answer) => (answer.type === 'address' ? answer.ip : `${answer.type} ${answer.target}`));

  it('a Service has its address, a headless one those of its pods, an external name the name it stands for', () => {
    expect(ips('web.shop.svc.cluster.local')).toEqual(['10.96.1.1']);
    expect(ips('headless.shop.svc.cluster.local')).toEqual(['10.244.1.2', '10.244.2.2']);
    expect(ips('out.shop.svc.cluster.local')).toEqual(['alias web.shop.svc.cluster.local', '10.96.1.1']);
    expect(ips('istiod.istio-system.svc.cluster.local')).toEqual(['172.18.1.1']);
  });

  it('named ports have SRV records', () => {
    expect(zone().answer('_http._tcp.web.shop.svc.cluster.local', TYPE_SRV).answers).toMatchObject([{ port: 80 }]);
    const [first] = zone().answer('_http._tcp.headless.shop.svc.cluster.local', TYPE_SRV).answers;
    expect(first).toMatchObject({ port: 8080, target: '10-244-1-2.headless.shop.svc.cluster.local' });
    expect(ips('10-244-1-2.headless.shop.svc.cluster.local')).toEqual(['10.244.1.2']);
  });

  it('a name without an address of the family is there, another name is not', () => {
    expect(zone().answer('web.shop.svc.cluster.local', TYPE_AAAA)).toEqual({ code: NO_ERROR, answers: [] });
    expect(zone().answer('web.shop', TYPE_A)).toEqual({ code: NAME_ERROR, answers: [] });
  });
});

describe('DNS messages', () => {
  // Query for wEb.Shop., type A, id 0x1234, recursion desired.
  const query = Buffer.from('123401000001000000000000' + '03774562' + '0453686f70' + '00' + '00010001', 'hex');

  it('repeats the question letter by letter', () => {
    const question = readQuestion(query);
    expect(question).toMatchObject({ id: 0x1234, name: 'web.shop', type: TYPE_A, recursionDesired: true });
    if (question === undefined) throw new Error('not read');
    const answer = writeAnswer(question, NO_ERROR, [{ type: 'address', name: 'web.shop', ip: '10.0.0.1' }], 30, 512);
    expect(answer.toString('hex')).toBe(
      '123485800001000100000000' +
        '03774562' +
        '0453686f70' +
        '0000010001' +
        '037765620473686f7000' +
        '00010001' +
        '0000001e' +
        '0004' +
        '0a000001',
    );
  });

  it('an answer that does not fit is cut and says so', () => {
    const question = readQuestion(query);
    if (question === undefined) throw new Error('not read');
    const many = Array.from({ length: 100 }, (_, index) => ({
      type: 'address' as const,
      name: 'web.shop',
      ip: `10.0.0.${index}`,
    }));
    const answer = writeAnswer(question, NO_ERROR, many, 30, 512);
    expect(answer.readUInt16BE(2) & 0x0200).toBe(0x0200);
    expect(answer.readUInt16BE(6)).toBe(0);
  });

  it('nothing that comes in makes it throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        readQuestion(Buffer.from(bytes));
      }),
    );
    for (let length = 0; length < query.length; length++)
      expect(readQuestion(query.subarray(0, length))).toBeUndefined();
    expect(readQuestion(Buffer.concat([query.subarray(0, 2), Buffer.of(0x81), query.subarray(3)]))).toBeUndefined();
  });
});

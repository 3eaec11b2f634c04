import { status as Status } from '@grpc/grpc-js';
import type { Authorizer } from '@ambit/traffic/model/authorizer';
import { afterEach, describe, expect, it } from 'vitest';
import { CHECKS_UNDER_WAY } from './limits.ts';
import { application, Client, Raw, respond } from './test-application.ts';
import {
  checks,
  closeAuthorizers,
  grpcAuthorizer,
  grpcPod,
  httpAuthorizer,
  httpPod,
  judged,
  settled,
} from './test-authorizers.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { serviceModel } from './test-models.ts';
import { until } from './test-outside.ts';
import { policy } from './test-policies.ts';

afterEach(closeAuthorizers);

describe('the content of a request', () => {
  const body = { maxBytes: 10, partial: false, asBytes: false };

  it.each<[string, Partial<NonNullable<Authorizer['body']>>, string, number, string | undefined]>([
    ['is shown whole', {}, '12345', 200, '12345'],
    ['is shown whole when it is as large as it may be', {}, '1234567890', 200, '1234567890'],
    ['is refused when it is larger', {}, '12345678901', 413, undefined],
    ['is shown in part where that is wanted', { partial: true }, '12345678901', 200, '1234567890'],
  ])('%s', async (_, fields, content, status, shown) => {
    const { behaviour, asked } = await httpPod((_question, response) => response.end());
    const bed = judged(behaviour, httpAuthorizer({ body: { ...body, ...fields } }));
    // Without a length nobody knows how much comes.
    for (const length of [{ 'content-length': String(content.length) }, {}]) {
      const answer = new Client(bed.bed, 'HTTP/1.1').send({ ':method': 'POST', ...length }, content);
      expect((await settled(bed, answer)).status).toBe(status);
    }
    expect(asked.map((one) => one.body)).toEqual(shown === undefined ? [] : [shown, shown]);
    expect(bed.seen.map((one) => one.body)).toEqual(shown === undefined ? [] : [content, content]);
    if (shown !== undefined)
      expect(asked[0]?.headers['x-envoy-auth-partial-body']).toBe(String(fields.partial === true));
  });

  it.each([false, true])('goes into the message of gRPC, as octets: %s', async (asBytes) => {
    const { behaviour, asked } = await grpcPod((_, done) => {
      done(null, { status: { code: 0 } });
    });
    const bed = judged(behaviour, grpcAuthorizer({ body: { ...body, asBytes } }));
    await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({ ':method': 'POST' }, 'content'));
    const http = asked[0]?.attributes?.request?.http;
    expect([http?.body, Buffer.from(http?.rawBody ?? []).toString()]).toEqual(
      asBytes ? ['', 'content'] : ['content', ''],
    );
    expect(http?.size).toBe(7n);
    expect(bed.seen[0]?.body).toBe('content');
  });

  it('is asked for when the client waits for a word before it sends any', async () => {
    const { behaviour } = await httpPod((_, response) => response.end());
    const bed = judged(behaviour, httpAuthorizer({ body }));
    const client = new Client(bed.bed, 'HTTP/1.1');
    const answer = client.send({ ':method': 'POST', expect: '100-continue', 'content-length': '2' }, undefined, true);
    await until(bed.bed, () => answer.interim.length > 0);
    answer.exchange?.sendData(Buffer.from('ab'), 0, 2, true);
    expect((await settled(bed, answer)).status).toBe(200);
  });

  it('larger than can be sent again goes on whole', async () => {
    const { behaviour } = await httpPod((_, response) => setTimeout(() => response.end(), 50));
    const bed = judged(behaviour, httpAuthorizer());
    const answer = new Client(bed.bed, 'HTTP/1.1').send({ ':method': 'POST' }, '', true);
    const bytes = Buffer.alloc(3 << 20, 'x');
    let at = 0;
    await until(bed.bed, () => {
      if (at < bytes.length) at += answer.exchange?.sendData(bytes, at, bytes.length, true) ?? 0;
      return answer.settled;
    });
    expect([answer.status, bed.seen[0]?.bytes]).toEqual([200, bytes.length]);
  });
});

describe('without an answer', () => {
  const silent: EndpointBehaviour = (tunnel) => {
    tunnel.open([], new Raw());
  };
  const refusing: EndpointBehaviour = (tunnel) => {
    tunnel.refuse(503, []);
  };
  const saying =
    (text: string): EndpointBehaviour =>
    (tunnel) => {
      const connection = new Raw();
      connection.onText = () => {
        connection.onText = undefined;
        connection.write(text);
      };
      connection.endpoint = tunnel.open([], connection);
    };

  it.each<[string, EndpointBehaviour, Partial<Authorizer>, number, string]>([
    ['in time', silent, { timeoutMs: 50 }, 403, 'timeout'],
    ['in time, with a status of its own', silent, { timeoutMs: 50, statusOnError: 503 }, 503, 'timeout'],
    ['in time, open', silent, { timeoutMs: 50, failOpen: true }, 200, 'failure_mode_allowed'],
    ['because nobody is there', refusing, {}, 403, 'error'],
    ['because nobody is there, open', refusing, { failOpen: true }, 200, 'failure_mode_allowed'],
    ['that is HTTP', saying('garbage\r\n\r\n'), {}, 403, 'error'],
    ['but an error', saying('HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n'), {}, 403, 'error'],
    [
      'but an error, open',
      saying('HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n'),
      { failOpen: true },
      200,
      'failure_mode_allowed',
    ],
  ])('%s', async (_, authz, fields, status, result) => {
    const bed = judged(authz, httpAuthorizer(fields));
    const answer = await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({}));
    expect(answer.status).toBe(status);
    expect(checks(bed)).toEqual({ [`opa ${result}`]: 1 });
    expect(bed.seen).toHaveLength(status === 200 ? 1 : 0);
    const [line] = bed.bed.lines().slice(-1);
    if (status === 200) expect(line).toContain('reason="authorizer-failed-open"');
    else expect(line).toContain(` ${status} UAEX ext_authz_error `);
  });

  it.each<[string, Parameters<typeof grpcPod>[0]]>([
    ['nothing in it', (_, done) => done(null, {})],
    ['octets that are no message', (_, done) => done(null, Buffer.from('ffffffff', 'hex'))],
    ['another status of the call', (_, done) => done({ code: Status.UNAVAILABLE, details: 'away' })],
    [
      'both a denial and a permission',
      (_, done) => done(null, { status: { code: 0 }, httpResponse: { case: 'deniedResponse', value: {} } }),
    ],
    [
      'a change of the query',
      (_, done) =>
        done(null, {
          status: { code: 0 },
          httpResponse: { case: 'okResponse', value: { queryParametersToRemove: ['a'] } },
        }),
    ],
    [
      'a value that splits the head',
      (_, done) =>
        done(null, {
          status: { code: 0 },
          httpResponse: { case: 'okResponse', value: { headers: [{ header: { key: 'x-a', value: 'b\r\nx-c: d' } }] } },
        }),
    ],
    [
      'a name that is none',
      (_, done) =>
        done(null, {
          status: { code: 7 },
          httpResponse: { case: 'deniedResponse', value: { headers: [{ header: { key: 'a b', value: 'c' } }] } },
        }),
    ],
  ])('of gRPC but one with %s', async (_, answerer) => {
    const { behaviour } = await grpcPod(answerer);
    const bed = judged(behaviour, grpcAuthorizer({ statusOnError: 500 }));
    expect((await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({}))).status).toBe(500);
    expect(bed.seen).toEqual([]);
    expect(checks(bed)).toEqual({ 'opa error': 1 });
  });

  it('that has an end', async () => {
    const { behaviour } = await httpPod((_, response) => {
      response.writeHead(401);
      response.end('x'.repeat(300_000));
    });
    const bed = judged(behaviour, httpAuthorizer());
    expect((await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({}))).status).toBe(403);
    expect(checks(bed)).toEqual({ 'opa error': 1 });
  });

  it('nobody is asked whom MeshConfig does not have, also with failOpen', async () => {
    const bed = judged(silent, httpAuthorizer({ failOpen: true, protocol: { kind: 'unavailable', reason: 'x' } }));
    const answer = await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({}));
    expect([answer.status, answer.body]).toEqual([403, 'RBAC: access denied']);
    expect(bed.bed.endpoint('authz-1').tunnels).toBe(0);
  });
});

describe('requests that wait', () => {
  it('are a thousand at once, and one that leaves takes its question back', async () => {
    const waiting: (() => void)[] = [];
    const { behaviour, asked, cancelled } = await grpcPod((_, done) => {
      waiting.push(() => {
        done(null, { status: { code: 0 } });
      });
    });
    const bed = judged(behaviour, grpcAuthorizer({ timeoutMs: 60_000 }), { protocol: 'http2' });
    bed.bed.endpoint('cart-1').behaviour = application('HTTP/2', {
      onComplete: (one) => {
        bed.seen.push(one);
        respond(one, 200, 'hello');
      },
    });
    const clients = Array.from({ length: 11 }, () => new Client(bed.bed, 'HTTP/2'));
    const answers = Array.from({ length: 1_000 }, (_, index) => clients[index % 10]?.send({}));
    const leaving = clients[10]?.send({});
    await until(bed.bed, () => asked.length === 1_001);
    leaving?.exchange?.reset(8);
    await until(bed.bed, () => cancelled() === 1);
    expect(answers.filter((answer) => answer?.settled === true)).toEqual([]);
    for (const answer of waiting) answer();
    await until(bed.bed, () => answers.every((answer) => answer?.settled === true));
    expect(answers.filter((answer) => answer?.status !== 200)).toEqual([]);
    expect(bed.seen).toHaveLength(1_000);
    expect(checks(bed)).toEqual({ 'opa allowed': 1_000, 'opa cancelled': 1 });
  });

  it('and are too many are refused, also where the authorizer is open', async () => {
    const { behaviour } = await grpcPod((_, done) => {
      done(null, { status: { code: 0 } });
    });
    const bed = judged(behaviour, grpcAuthorizer({ failOpen: true }));
    for (let taken = 0; taken < CHECKS_UNDER_WAY; taken++) bed.bed.thread.checks.begin(0);
    const answer = await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({}));
    expect([answer.status, answer.field('x-ambit-reason')]).toEqual([503, 'AMBIT_AUTHORIZER_BUSY']);
    bed.bed.thread.checks.end(0);
    expect((await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({}))).status).toBe(200);
  });

  it('are served by the policies that are in force when the authorizer has answered', async () => {
    let allow: () => void = () => undefined;
    const { behaviour, asked } = await httpPod((_, response) => {
      allow = () => response.end();
    });
    const bed = judged(behaviour, httpAuthorizer());
    const answer = new Client(bed.bed, 'HTTP/1.1').send({});
    await until(bed.bed, () => asked.length === 1);
    bed.bed.serve(serviceModel({ policies: [policy('deny')] }));
    allow();
    expect((await settled(bed, answer)).status).toBe(403);
    expect(bed.seen).toEqual([]);
  });
});

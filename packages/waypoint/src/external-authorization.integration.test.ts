import type { Authorizer } from '@ambit/traffic/model/authorizer';
import type { ValuePattern } from '@ambit/traffic/model/authorization-policy';
import { afterEach, describe, expect, it } from 'vitest';
import { type Answer, application, Client, respond, type Seen } from './test-application.ts';
import { closeAuthorizers, grpcAuthorizer, grpcPod, httpAuthorizer, httpPod } from './test-authorizers.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { clusterName } from './test-models.ts';
import { until } from './test-outside.ts';
import { policy } from './test-policies.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

const ASK = { ...policy('custom'), authorizer: 'opa' };

afterEach(closeAuthorizers);

interface Bed {
  readonly bed: TestWaypoint;
  readonly seen: Seen[];
}

/** A service behind an authorizer; what its application got. */
function judged(authz: EndpointBehaviour, authorizer: Authorizer, more: object = {}): Bed {
  const seen: Seen[] = [];
  const bed = start({
    endpoints: {
      'cart-1': application('HTTP/1.1', {
        onComplete: (one) => {
          seen.push(one);
          respond(one, 200, 'hello', ['x-user', 'app']);
        },
      }),
      'authz-1': authz,
    },
    subsets: { authz: ['authz-1'], app: ['cart-1'] },
    action: { destinations: [{ cluster: clusterName('app') }] },
    policies: [ASK],
    authorizers: [authorizer],
    ...more,
  });
  return { bed, seen };
}

async function settled({ bed }: Bed, answer: Answer): Promise<Answer> {
  await until(bed, () => answer.settled);
  return answer;
}

/** Checks by how they ended. */
function checks({ bed }: Bed): Record<string, number> {
  const { counters } = bed.thread.metrics.snapshot();
  const samples = counters.filter(({ name }) => name === 'ambit_authorizer_checks_total').flatMap((one) => one.samples);
  return Object.fromEntries(samples.map(({ labels, values }) => [labels.join(' '), values[0] ?? 0]));
}

const exact = (...texts: readonly string[]): ValuePattern[] => texts.map((text) => ({ kind: 'exact', text }));

describe('an authorizer over HTTP', () => {
  it('that says 200 lets the request through, having seen the request line and what it may see', async () => {
    const { behaviour, asked } = await httpPod((_, response) => response.end());
    const authorizer = httpAuthorizer(
      {},
      {
        pathPrefix: '/check',
        requestHeaders: [...exact('x-team'), { kind: 'prefix', text: 'x-shop-' }],
        addedHeaders: [{ name: 'x-mesh', value: 'ambit' }],
      },
    );
    const bed = judged(behaviour, authorizer);
    const answer = new Client(bed.bed, 'HTTP/1.1').send(
      {
        ':method': 'POST',
        ':path': '/a?b=c',
        authorization: 'Bearer t',
        'x-team': 'red',
        'x-shop-id': '7',
        'x-mesh': 'forged',
        'x-other': 'secret',
        'x-forwarded-client-cert': 'URI=spiffe://evil',
      },
      'content',
    );
    expect((await settled(bed, answer)).body).toBe('hello');
    expect(asked).toMatchObject([{ method: 'POST', path: '/check/a?b=c', body: '' }]);
    expect(asked[0]?.headers).toMatchObject({
      host: 'cart',
      authorization: 'Bearer t',
      'x-team': 'red',
      'x-shop-id': '7',
      'x-mesh': 'ambit',
      'content-length': '0',
    });
    expect(asked[0]?.headers).not.toHaveProperty('x-other');
    expect(asked[0]?.headers).not.toHaveProperty('x-forwarded-client-cert');
    expect(bed.seen.map(({ body }) => body)).toEqual(['content']);
    expect(checks(bed)).toEqual({ 'opa allowed': 1 });
  });

  it('that says anything else is what the client gets: status, fields, text', async () => {
    const { behaviour } = await httpPod((_, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic', 'content-type': 'text/html', 'x-ambit-reason': 'lie' });
      response.end('<b>who?</b>');
    });
    const bed = judged(behaviour, httpAuthorizer());
    const answer = await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({}));
    expect([answer.status, answer.body]).toEqual([401, '<b>who?</b>']);
    expect([answer.field('www-authenticate'), answer.field('content-type')]).toEqual(['Basic', 'text/html']);
    expect(answer.field('x-ambit-reason')).toBeUndefined();
    expect(bed.seen).toEqual([]);
    expect(bed.bed.lines().at(-1)).toContain(' 401 UAEX ext_authz_denied ');
    expect(bed.bed.lines().at(-1)).toContain('policy="shop/custom" reason="AMBIT_AUTHORIZER_DENIED"');
    expect(checks(bed)).toEqual({ 'opa denied': 1 });
  });
});

describe('an authorizer over gRPC', () => {
  it('is told of the request and of who sends it, and lets it through', async () => {
    const { behaviour, asked } = await grpcPod((_, done) => {
      done(null, { status: { code: 0 } });
    });
    const bed = judged(behaviour, grpcAuthorizer());
    const answer = new Client(bed.bed, 'HTTP/1.1').send({ ':path': '/a?b=c', 'x-team': 'red' });
    expect((await settled(bed, answer)).body).toBe('hello');
    const { source, destination, request } = asked[0]?.attributes ?? {};
    expect(source?.principal).toBe('spiffe://cluster.local/ns/shop/sa/web');
    expect(destination?.address?.address.value).toMatchObject({ address: '10.96.0.1', portSpecifier: { value: 80 } });
    expect(request?.http).toMatchObject({ method: 'GET', path: '/a?b=c', host: 'cart', protocol: 'HTTP/1.1' });
    expect(request?.http?.headers).toMatchObject({ 'x-team': 'red', ':path': '/a?b=c' });
    expect(checks(bed)).toEqual({ 'opa allowed': 1 });
  });

  it('that denies says what the client gets', async () => {
    const { behaviour } = await grpcPod((_, done) => {
      done(null, {
        status: { code: 7 },
        httpResponse: {
          case: 'deniedResponse',
          value: {
            status: { code: 451 },
            headers: [{ header: { key: 'x-why', value: 'law' } }, { header: { key: 'content-length', value: '1' } }],
            body: 'no',
          },
        },
      });
    });
    const bed = judged(behaviour, grpcAuthorizer());
    const answer = await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({}));
    expect([answer.status, answer.body, answer.field('x-why')]).toEqual([451, 'no', 'law']);
    expect(bed.seen).toEqual([]);
  });
});

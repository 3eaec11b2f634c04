import { fileURLToPath } from 'node:url';
import { siblingModule } from '@ambit/core/sibling-module';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tcpSockets } from '@ambit/enrolment/open-connections';
import { eventually, script } from '../bed/test-bed.ts';
import { LATE_ANSWER_BYTES } from '../check/clients/options.ts';
import { BODY_BYTES, BODY_PORT, bodyOf, digestOf } from './test-bodies.ts';
import { Conversation } from './test-conversation.ts';
import { DIRECTIONS, Mesh, spiffe } from './test-mesh.ts';
import { STOCK_ZTUNNEL } from './test-peer.ts';

/** Connections at once: several tunnels' worth for either proxy. */
const MANY = 300;
const SPOKEN = 'a question in plain sight\n';

const policy = (spec: string): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: the-policy, namespace: shop }
spec: { ${spec} }
`;
const selecting = (server: string): string => `selector: { matchLabels: { app: ${server} } }`;
const NO_GUESTS = 'action: DENY, rules: [{ from: [{ source: { namespaces: [guests] } }] }]';

const strict = (server: string): string => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: strict, namespace: shop }
spec: { selector: { matchLabels: { app: ${server} } }, mtls: { mode: STRICT } }
`;

/** A program that asks and prints what was found, or the code of what went wrong. */
const RESOLVE = (questions: readonly string[]): string => `
  import { lookup, Resolver } from 'node:dns/promises';
  import { readFileSync } from 'node:fs';
  const resolver = new Resolver();
  resolver.setServers([/^nameserver (\\S+)/m.exec(readFileSync('/etc/resolv.conf', 'latin1'))[1]]);
  const told = [${questions.join(', ')}].map((answer) => answer.catch(({ code }) => code));
  console.log(JSON.stringify(await Promise.all(told)));
`;

describe('ours on node a, the stock ztunnel on node b', () => {
  let mesh: Mesh;

  beforeAll(async () => {
    mesh = await Mesh.open(STOCK_ZTUNNEL);
  });
  afterAll(async () => {
    await mesh.close();
  });

  /** Puts a manifest into force for as long as `run` takes. */
  async function under(yaml: string, run: () => Promise<void>): Promise<void> {
    mesh.bed.apply('rule', yaml);
    try {
      await run();
    } finally {
      mesh.bed.remove('rule');
    }
  }

  describe.each(DIRECTIONS)('$way', ({ from, to }) => {
    const address = () => mesh.service(`server-${to}`);

    it('a server that speaks first is heard before the client says anything', async () => {
      const talk = mesh.talk('friend', from, address(), 'greeting');
      expect((await talk.bytes(6)).toString()).toMatch(/^hello /);
      talk.close();
    });

    it('a request is answered by pod address and by Service address, and nothing of it can be read on the link', async () => {
      const frames: string[] = [];
      const tap = mesh.bed.tap((frame) => frames.push(frame.toString('latin1')));
      for (const ip of [address(), mesh.pod('server', to).ip]) {
        expect(await mesh.ask('friend', from, ip, SPOKEN)).toEqual({ answer: SPOKEN, outcome: 'fin' });
      }
      await tap.stop();
      const crossed = frames.join('');
      expect(crossed.length).toBeGreaterThan(1_000);
      expect(crossed).not.toContain(SPOKEN.trim());
    });

    it('the application sees the address of the client, and either proxy the identity of both', async () => {
      const source = { source_principal: spiffe('shop', 'friend'), connection_security_policy: 'mutual_tls' };
      const labels = { ...source, destination_principal: spiffe('shop', `server-${to}`), response_flags: '-' };
      const counted = (reporter: 'source' | 'destination', node: 'a' | 'b'): Promise<number> =>
        mesh.count(node, 'istio_tcp_connections_closed_total', { ...labels, reporter });
      const before = [await counted('source', from), await counted('destination', to)];
      const logged = mesh.log(to).length;

      const talk = mesh.talk('friend', from, address(), 'greeting');
      await talk.bytes(6);
      talk.end();
      await talk.finished();

      expect(mesh.pod('server', to).process()?.output()).toContain(`"from":"::ffff:${mesh.pod('friend', from).ip}"`);
      await eventually('both count it', async () => {
        const now = [await counted('source', from), await counted('destination', to)];
        return now.every((count, index) => count === (before[index] ?? 0) + 1);
      });
      await eventually('the log of the destination names the client', () =>
        mesh
          .log(to)
          .slice(logged)
          .includes(`src.identity="${spiffe('shop', 'friend')}"`),
      );
    });

    it('what is sent after the client has ended still arrives', async () => {
      const talk = mesh.talk('friend', from, address(), 'lateAnswer').send('and now you\n').end();
      expect((await talk.finished()).length).toBe(LATE_ANSWER_BYTES);
      expect(talk.outcome).toBe('fin');
    });

    it('a reset at one end ends the connection at the other', async () => {
      const byServer = mesh.talk('friend', from, address(), 'reset').send('reset me\n');
      await byServer.finished();
      expect(byServer.outcome).not.toBe('open');

      const heard = () => mesh.pod('server', to).process()?.output().split('\n').filter(isGreetingEnd).length ?? 0;
      const before = heard();
      const byClient = mesh.talk('friend', from, address(), 'greeting');
      await byClient.bytes(6);
      byClient.reset();
      await eventually('the server hears of it', () => heard() > before);
    });

    it('large bodies arrive whole, one after the other and both ways at once', async () => {
      const program = fileURLToPath(siblingModule(import.meta.url, './test-bodies'));
      const server = mesh.pod('server', to);
      const serving = server.start(['node', program]);
      await eventually('the server listens', () => tcpSockets(server.networkNamespace).some(isBodyListener));
      const sent = bodyOf(1);

      const halves = new Conversation(mesh.pod('friend', from), server.ip, BODY_PORT).send(sent).end();
      const answer = await halves.finished(60_000);
      expect(answer.subarray(0, 64).toString()).toBe(digestOf(sent));
      expect(answer.length).toBe(65 + BODY_BYTES);
      expect(digestOf(answer.subarray(65))).toBe(digestOf(bodyOf(2)));

      const echo = mesh.talk('friend', from, address(), 'echo').send(sent).end();
      const echoed = await echo.finished(60_000);
      expect(echoed.length).toBe(BODY_BYTES);
      expect(digestOf(echoed)).toBe(digestOf(sent));
      await serving.stop(0);
    });

    it(`${MANY} connections at once share a few tunnels`, async () => {
      const talks = Array.from({ length: MANY }, () => mesh.talk('friend', from, address(), 'echo'));
      const lines = talks.map((talk, index) => {
        talk.send(`number ${index}\n`);
        return `number ${index}\n`;
      });
      const heard = await Promise.all(talks.map((talk, index) => talk.bytes(lines[index]?.length ?? 0, 20_000)));
      expect(heard.map(String)).toEqual(lines);
      const tunnels = mesh.tunnels(from, to);
      expect(tunnels).toBeGreaterThan(0);
      expect(tunnels).toBeLessThan(MANY / 10);
      for (const talk of talks) talk.end();
      await Promise.all(talks.map((talk) => talk.finished()));
      expect(new Set(talks.map(({ outcome }) => outcome))).toEqual(new Set(['fin']));
    });

    it('a thousand connections one after the other, ten at a time, are all answered', async () => {
      const ip = address();
      let failed = 0;
      const worker = async (): Promise<void> => {
        for (let n = 0; n < 100; n++) if (!(await mesh.answers('friend', from, ip))) failed += 1;
      };
      await Promise.all(Array.from({ length: 10 }, worker));
      expect(failed).toBe(0);
    });

    it('a Service reaches its endpoints on both nodes', async () => {
      const before = await Promise.all([served('a'), served('b')]);
      for (let n = 0; n < 60; n++) expect(await mesh.answers('friend', from, mesh.service('anywhere'))).toBe(true);
      await eventually('both servers have answered', async () => {
        const now = await Promise.all([served('a'), served('b')]);
        return now.every((count, index) => count > (before[index] ?? 0));
      });
    });

    it('ALLOW by principal lets in that principal alone, and the refusal is visible where it was made', async () => {
      const rule = 'rules: [{ from: [{ source: { principals: [cluster.local/ns/shop/sa/friend] } }] }]';
      await under(policy(`${selecting(`server-${to}`)}, ${rule}`), async () => {
        await refused('guest');
        expect(await mesh.answers('friend', from, address())).toBe(true);
        await refusalVisible('guests', 'guest');
        await refused('outsider');
      });
      await admitted('guest');
    });

    it('DENY by namespace keeps out that namespace alone', async () => {
      await under(policy(`${selecting(`server-${to}`)}, ${NO_GUESTS}`), async () => {
        await refused('guest');
        expect(await mesh.answers('friend', from, address())).toBe(true);
        expect(await mesh.answers('outsider', from, address())).toBe(true);
      });
      await admitted('guest');
    });

    it('STRICT refuses plain text and nothing else', async () => {
      expect(await mesh.answers('outsider', from, address())).toBe(true);
      await under(strict(`server-${to}`), async () => {
        await refused('outsider');
        expect(await mesh.answers('friend', from, address())).toBe(true);
        expect(await mesh.answers('guest', from, address())).toBe(true);
      });
      await admitted('outsider');
    });

    it('a live connection that a new policy forbids is cut within a second', async () => {
      const talk = mesh.talk('guest', from, address(), 'echo').send('still here\n');
      await talk.bytes(11);
      // Of the whole namespace: the stock ztunnel judges what is open by the policies that the pod had at the beginning.
      await under(policy(NO_GUESTS), async () => {
        await talk.finished(1_000);
      });
      await admitted('guest');
    });

    it('names of the mesh are answered by the proxy even without the DNS of the cluster, all others by that', async () => {
      const client = mesh.pod('friend', from);
      const name = `server-${to}.shop.svc.cluster.local`;
      const counted = (): Promise<number> => mesh.count(from, 'istio_dns_requests_total', { request_protocol: 'udp' });
      const before = await counted();
      const lookUp = async (...lines: string[]): Promise<unknown> =>
        JSON.parse((await client.run(script(RESOLVE(lines)))).stdout);

      mesh.setClusterDns(false);
      try {
        expect(await lookUp(`resolver.resolve4('${name}')`, `resolver.resolve6('${name}')`)).toEqual([
          [address()],
          'ENODATA',
        ]);
      } finally {
        mesh.setClusterDns(true);
      }
      expect(await lookUp(`resolver.resolve4('nobody.shop.svc.cluster.local')`)).toEqual(['ENOTFOUND']);
      await eventually('the proxy counts the questions', async () => (await counted()) === before + 3);
      // As programs ask: a short name and the search list.
      expect(await lookUp(`lookup('server-${to}').then(({ address }) => address)`)).toEqual([address()]);
    });

    const refused = (name: 'guest' | 'outsider'): Promise<void> =>
      eventually(`the ${name} is refused`, async () => !(await mesh.answers(name, from, address())));
    const admitted = (name: 'guest' | 'outsider'): Promise<void> =>
      eventually(`the ${name} is let in again`, () => mesh.answers(name, from, address()));

    async function refusalVisible(namespace: string, serviceAccount: string): Promise<void> {
      const identity = spiffe(namespace, serviceAccount);
      const labels = { reporter: 'destination', source_principal: identity, response_flags: 'DENY' };
      await eventually('the metrics name the refused', async () => {
        const closed = await mesh.count(to, 'istio_tcp_connections_closed_total', labels);
        return closed + (await mesh.count(to, 'istio_tcp_connections_failed_total', labels)) > 0;
      });
      await eventually('the log names the refused', () =>
        mesh
          .log(to)
          .split('\n')
          .some((line) => line.includes(`src.identity="${identity}"`) && /polic/i.test(line)),
      );
    }
  });

  /** How many connections a server's proxy has counted for it. */
  function served(node: 'a' | 'b'): Promise<number> {
    return mesh.count(node, 'istio_tcp_connections_opened_total', {
      reporter: 'destination',
      destination_principal: spiffe('shop', `server-${node}`),
    });
  }
});

function isGreetingEnd(line: string): boolean {
  return line.includes('"port":"greeting"') && !line.includes('"event":"accepted"');
}

function isBodyListener({ localPort }: { localPort: number }): boolean {
  return localPort === BODY_PORT;
}

import { fileURLToPath } from 'node:url';
import type { LinkReport } from '@ambit/local/check/capture/link-witness';
import { SERVER_PORTS } from '@ambit/local/check/clients/options';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OwnCluster } from '../cluster/own-cluster.ts';
import { Bench } from '../mesh/bench.ts';
import { needMesh } from '../mesh/chart.ts';
import { IDLE, workloadObjects } from '../mesh/check-pods.ts';
import { checkCommand, checkProgramsObject } from '../mesh/check-programs.ts';
import { closeShop, openShop, SHOP } from '../mesh/shop.ts';
import type { LinkCaptureOptions } from '../programs/link-capture.ts';
import { ownTestCluster } from '../test-cluster.ts';

/** Of a client and a server that talk in clear, to show that the capture is not blind. */
const CLEAR = 'check-clear';
/** What the shop's requests and answers carry. */
const MARKER = 'shop-marker-in-plain-sight';
const WATCHED = 15_000;
const PROGRAM = fileURLToPath(new URL('../../dist/programs/link-capture.js', import.meta.url));

describe('the link between the nodes while the sample shop is visited', () => {
  let cluster: OwnCluster;
  let bench: Bench;

  beforeAll(async () => {
    cluster = ownTestCluster();
    bench = new Bench(cluster);
    await needMesh(cluster);
    const [near = '', far = ''] = cluster.nodes.map(({ name }) => name);
    await bench.apply([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: CLEAR } },
      checkProgramsObject(CLEAR),
      ...workloadObjects({ namespace: CLEAR, name: 'client', node: near, command: IDLE }),
      ...workloadObjects(
        {
          ...{ namespace: CLEAR, name: 'server', node: far },
          ...{ command: checkCommand('server'), readyPort: SERVER_PORTS.echo },
        },
        SERVER_PORTS,
      ),
    ]);
    await openShop(bench);
    await bench.rolledOut(CLEAR, 'client', 'server');
    await bench.reachable(CLEAR, 'client', `server.${CLEAR}`);
  });

  afterAll(async () => {
    await closeShop(bench);
    await bench.remove('namespace', CLEAR);
  });

  it('carries between pods of the mesh nothing but TLS 1.3 to or from 15008, and never what they say', async () => {
    const [near = ''] = cluster.nodes.map(({ name }) => name);
    const meshed = (await bench.read(['pods', '-n', SHOP], '{.items[*].status.podIP}')).split(' ');
    const options: LinkCaptureOptions = { device: 'eth0', meshed, marker: MARKER, duration: WATCHED };
    const capture = cluster.inNode(near, [process.execPath, PROGRAM, JSON.stringify(options)]);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    // A proxy that has just started has no open tunnels, so that the capture sees every one from its first byte.
    await cluster.inNode(near, ['pkill', '-KILL', '-f', 'ztunnel/bundle/proxy.js']);
    const said = await bench.dial(CLEAR, 'client', {
      ...{ host: `server.${CLEAR}`, port: SERVER_PORTS.echoOnce },
      ...{ send: `${MARKER}\n`, timeout: 5_000 },
    });
    expect(said.received).toContain(MARKER);
    const { code, stdout, stderr } = await capture;
    expect(code, stderr).toBe(0);
    const report = JSON.parse(stdout.slice(stdout.indexOf('{'))) as LinkReport;
    console.log(JSON.stringify(report));
    expect(report.problems).toEqual([]);
    expect(report.tunnels).toBeGreaterThan(0);
    expect(report.tlsRecords).toBeGreaterThan(50);
    expect(report.markersOutside).toBeGreaterThanOrEqual(2);
  });
});

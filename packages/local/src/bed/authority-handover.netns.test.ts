import { X509Certificate } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestAuthority } from '@ambit/identity/test-authority';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeName } from './address-plan.ts';
import type { Bed } from './bed.ts';
import type { NamespacedProcess } from './process.ts';
import { eventually, openBed, script, WHO_SERVER } from './test-bed.ts';

const SHOP = `{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}}`;
/** Of certificates. A handover takes a little more than one and a half of it. */
const TTL = '20s';

/** Opens a connection every 50 ms, and says which were not answered. */
const DIAL = (host: string): string[] =>
  script(`
    import { connect } from 'node:net';
    let answered = 0;
    setInterval(() => {
      const socket = connect(8080, ${JSON.stringify(host)}, () => socket.write('who\\n'));
      socket.once('data', () => { answered += 1; socket.destroy(); });
      socket.on('error', (error) => console.log('failed ' + error.code));
      socket.setTimeout(5_000, () => { console.log('failed silent'); socket.destroy(); });
    }, 50);
    setInterval(() => console.log('answered ' + answered), 500);
  `);

interface ConfigDump {
  readonly certificates: readonly { readonly rootCerts: readonly { readonly serialNumber: string }[] }[];
}

describe('an authority that is exchanged for one under another root', () => {
  let folder: string;
  let bed: Bed;
  let close: () => Promise<void>;
  let load: NamespacedProcess;
  let first: TestAuthority;
  let second: TestAuthority;

  /** All files at once, as kubelet does it. */
  const plugIn = async (authority: TestAuthority): Promise<void> => {
    const at = mkdtempSync(join(folder, 'version-'));
    writeFileSync(join(at, 'ca-cert.pem'), authority.certificatePem);
    writeFileSync(join(at, 'ca-key.pem'), await authority.keyPem());
    writeFileSync(join(at, 'root-cert.pem'), authority.rootPem);
    symlinkSync(at, join(folder, 'next'));
    renameSync(join(folder, 'next'), join(folder, 'cacerts'));
  };
  /** Serial numbers of the roots that the identities of a node trust, each set once. */
  const trusted = async (node: NodeName): Promise<string[]> => {
    const { certificates } = JSON.parse(await bed.node(node).proxy.admin('/config_dump')) as ConfigDump;
    const sets = certificates.map(({ rootCerts }) =>
      rootCerts
        .map(({ serialNumber }) => serialNumber)
        .sort()
        .join(),
    );
    return [...new Set(sets)].sort();
  };
  const allTrust = async (...authorities: readonly TestAuthority[]): Promise<boolean> => {
    const serials = authorities.map(({ rootPem }) =>
      BigInt(`0x${new X509Certificate(rootPem).serialNumber}`).toString(),
    );
    const wanted = JSON.stringify([serials.sort().join()]);
    const found = await Promise.all((['a', 'b'] as const).map(async (node) => JSON.stringify(await trusted(node))));
    return found.every((sets) => sets === wanted);
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'handover-'));
    [first, second] = [await TestAuthority.create({ name: 'first' }), await TestAuthority.create({ name: 'second' })];
    await plugIn(first);
    ({ bed, close } = await openBed({
      proxies: { a: { kind: 'ambit' }, b: { kind: 'ambit' } },
      controllerEnvironment: { CA_DIR: join(folder, 'cacerts'), DEFAULT_WORKLOAD_CERT_TTL: TTL },
      proxyEnvironment: { SECRET_TTL: TTL },
    }));
    bed.apply('shop', SHOP);
    const [client, server] = await Promise.all([
      bed.node('a').pod({ name: 'client', namespace: 'shop' }),
      bed.node('b').pod({
        ...{ name: 'server', namespace: 'shop', serviceAccount: 'server', command: WHO_SERVER },
        readinessProbe: { tcpSocket: { port: 8080 } },
      }),
    ]);
    load = client.start(DIAL(server.ip));
  });
  afterEach(async () => {
    await close();
    rmSync(folder, { recursive: true });
  });

  it('costs no connection, whichever proxy has renewed already, and leaves nothing of the old root', async () => {
    await eventually('connections pass', () => /answered [1-9]/.test(load.output()), 10_000);
    expect(await allTrust(first)).toBe(true);
    await plugIn(second);
    await eventually('both roots are trusted on both nodes', () => allTrust(first, second), 40_000);
    await eventually('the old root is gone', () => allTrust(second), 90_000);
    expect(load.output()).not.toContain('failed');
  }, 150_000);
});

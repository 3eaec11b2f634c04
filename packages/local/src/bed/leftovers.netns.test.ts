import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runTool } from '@ambit/capture/tools';
import { AgreeingProxy, eventually, openBed, script, WHO_SERVER } from './test-bed.ts';

/** Command lines of the processes of this tree, without those that merely look. */
function processes(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((name) => {
      try {
        return [readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').slice(0, 200)];
      } catch {
        return [];
      }
    })
    .filter((line) => line !== '');
}

describe('a bed that is closed', () => {
  it('leaves no process, no interface, no rule, no descriptor and no file', async () => {
    // What stays open for the life of this process is opened once.
    await (await openBed()).close();
    const before = { processes: processes(), descriptors: readdirSync('/proc/self/fd').length };
    const interfaces = runTool('ip', ['-brief', 'link'], { purpose: 'look' });
    const { bed, close } = await openBed();
    const { folder } = bed.config;
    const proxy = new AgreeingProxy(bed, 'a');
    bed.apply(
      'shop',
      '{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}}',
    );
    const [web] = await Promise.all([
      bed.node('a').pod({ name: 'web', namespace: 'shop', command: WHO_SERVER }),
      // Pays no attention to SIGTERM and leaves a child behind.
      bed.node('b').pod({
        name: 'deaf',
        command: script(`
          import { spawn } from 'node:child_process';
          process.on('SIGTERM', () => {});
          spawn('sleep', ['4712']);
          setInterval(() => {}, 1000);
        `),
      }),
    ]);
    web.start(['sleep', '4713']);
    const tap = bed.tap(() => undefined);
    await eventually('the child runs', () => processes().some((line) => line.includes('4712')));
    await tap.stop();
    await proxy.close();
    await close();
    await eventually('the processes end', () => processes().length <= before.processes.length);
    expect(processes().filter((line) => /sleep|WHO|unshare/.test(line))).toEqual([]);
    expect(runTool('ip', ['-brief', 'link'], { purpose: 'look' })).toBe(interfaces);
    expect(runTool('nft', ['list', 'ruleset'], { purpose: 'look' })).toBe('');
    expect(existsSync(folder)).toBe(false);
    await eventually('the descriptors are closed', () => readdirSync('/proc/self/fd').length <= before.descriptors);
  });

  it('a bed that cannot be made leaves nothing either, and says what the program said', async () => {
    const before = processes();
    const failing = openBed({ proxies: { a: { kind: 'binary', path: '/bin/false' } } });
    await expect(failing).rejects.toThrow(/^ztunnel-a-\w+ did not become ready: it ended/);
    await eventually('the processes end', () => processes().length <= before.length);
  });

  it('six pods are up in about a second, the bed included', async () => {
    const began = performance.now();
    const { bed, close } = await openBed();
    const proxies = [new AgreeingProxy(bed, 'a'), new AgreeingProxy(bed, 'b')];
    bed.apply(
      'shop',
      '{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}}',
    );
    await Promise.all(
      ['a', 'b', 'a', 'b', 'a', 'b'].map((node, index) =>
        bed.node(node === 'a' ? 'a' : 'b').pod({
          name: `web-${index}`,
          namespace: 'shop',
          command: WHO_SERVER,
          readinessProbe: { tcpSocket: { port: 8080 } },
        }),
      ),
    );
    await bed.settled();
    const took = performance.now() - began;
    for (const proxy of proxies) await proxy.close();
    await close();
    console.log(`the bed with six enrolled, ready pods took ${took.toFixed(0)} ms`);
    // Generous, because other tests may share the cores.
    expect(took).toBeLessThan(5_000);
  });
});

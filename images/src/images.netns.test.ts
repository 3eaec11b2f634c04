import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UnpackedImage } from './test-image.ts';
import { ROOT, TestImages } from './test-images.ts';

/**
 * Puts the layers ($2...) into a file system of their own at $1, which from then on can only be read, with the devices and
 * processes of this machine, and becomes the command behind `--`.
 */
const CONTAINER = `
root=$1; shift
mount -t tmpfs image "$root"
while [ "$1" != -- ]; do tar -xpf "$1" -C "$root"; shift; done
shift
mount --rbind /proc "$root/proc" && mount --rbind /dev "$root/dev" && mount -o remount,ro "$root"
ip link set lo up
exec "$@"
`;

class Container {
  readonly #process: ChildProcess;
  #output = '';

  constructor(image: UnpackedImage, command: readonly string[], input = '') {
    const inside = ['env', '--ignore-environment', ...image.config.Env, 'chroot', image.root, ...command];
    const script = ['sh', '-c', CONTAINER, 'sh', image.root, ...image.layers, '--', ...inside];
    this.#process = spawn('unshare', ['--mount', '--net', '--pid', '--fork', '--kill-child', ...script]);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (text: Buffer) => {
        this.#output += text.toString();
      });
    }
    this.#process.stdin?.on('error', () => undefined).end(input);
  }

  /** All output, when the process has ended, or earlier when it has written `text`. */
  output(text?: string): Promise<string> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (text !== undefined && this.#output.includes(text)) resolve(this.#output);
      };
      look();
      for (const stream of [this.#process.stdout, this.#process.stderr]) stream?.on('data', look);
      this.#process.on('close', () => {
        resolve(this.#output);
      });
    });
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

describe('with nothing but what is in its image', () => {
  let images: TestImages;
  let containers: Container[];

  beforeAll(() => {
    images = new TestImages(['ztunnel', 'waypoint', 'istiod-lite', 'cni', 'shop']);
  });
  afterAll(() => {
    images.remove();
  });
  beforeEach(() => {
    containers = [];
  });
  afterEach(() => {
    for (const container of containers) container.kill();
  });

  const run = (image: UnpackedImage, command: readonly string[], input?: string): Container => {
    const container = new Container(image, command, input);
    containers.push(container);
    return container;
  };

  it.each([
    // Each is the last thing that the program says before it waits for what a cluster would give it.
    ['ztunnel', 'AMBIT_ZDS_UNREACHABLE'],
    ['waypoint', 'no certificate'],
  ])('%s starts, its threads and foreign functions too, and waits for the mesh', async (name, text) => {
    const image = images.image(name);
    expect(await run(image, image.config.Entrypoint).output(text)).toContain(text);
  });

  it('the controller reads its settings', async () => {
    const image = images.image('istiod-lite');
    const output = await run(image, [...image.config.Entrypoint, '--listen', 'nowhere']).output();
    expect(output).toMatch(/^istiod-lite: AMBIT_CONFIG: .*LISTEN/m);
  });

  it('a service of the shop becomes ready', async () => {
    const image = images.image('shop');
    const catalog = ['/usr/bin/node', join(image.config.WorkingDir, 'catalog.js')];
    expect(await run(image, catalog).output('ready')).toContain('"message":"ready"');
  });

  it('the node agent has the tools that write the rules of a pod', async () => {
    const image = images.image('cni');
    expect(image.programs()).toEqual(['usr/bin/node', 'usr/sbin/ip', 'usr/sbin/nft', 'ambit/cni-plugin/ambit-cni']);
    const rules = readFileSync(join(ROOT, 'packages/capture/golden/pod-ipv6.nft'), 'utf8');
    const written = await run(image, ['/usr/sbin/nft', '--echo', '--file', '-'], rules).output();
    expect(written).toContain('comment "outbound ip6"');
    expect(written).toMatch(/meta l4proto tcp/);
    expect(await run(image, ['/usr/sbin/ip', '-oneline', 'link']).output()).toMatch(/1: lo: <LOOPBACK,UP/);
  });

  it.each([
    ['istiod-lite', 'istiod'],
    ['cni', 'cni'],
  ])('%s has what the jobs of the chart start in it', (name, chart) => {
    const folder = join(ROOT, 'charts/ambit/charts', chart, 'templates');
    const commands = readdirSync(folder).flatMap((file) => [
      ...readFileSync(join(folder, file), 'utf8').matchAll(/command: \[(.*)\]/g),
    ]);
    expect(commands.length).toBeGreaterThan(0);
    const files = images
      .image(name)
      .files()
      .map(({ path }) => `/${path}`);
    for (const [, command = ''] of commands) expect(files).toEqual(expect.arrayContaining(command.split(', ')));
  });

  it('names are looked up and nothing can be written', async () => {
    const script = `
      const { lookup } = require('node:dns/promises'), fs = require('node:fs');
      lookup('nowhere.invalid').catch(({ code }) => console.log(code));
      try { fs.writeFileSync('/tmp/x', ''); } catch ({ code }) { console.log(code); }
      console.log(require('node:child_process').spawnSync('sh', ['-c', 'true']).error.code);`;
    const output = await run(images.image('istiod-lite'), ['/usr/bin/node', '--eval', script]).output();
    expect(output.trim().split('\n').toSorted()).toEqual(['EAI_AGAIN', 'ENOENT', 'EROFS']);
  });
});

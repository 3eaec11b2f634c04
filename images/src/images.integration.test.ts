import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { UnpackedImage } from './test-image.ts';
import { ROOT, TestImages } from './test-images.ts';

/** What nobody who breaks into a container should find. */
const HELPERS = /^(ba|da|a|z|k|c|tc)?sh$|^(busybox|toybox|perl|python.*|curl|wget|tar)$/;
const INSTALLERS = /^(apt.*|dpkg.*|rpm|apk|npm|npx|corepack|yarn|pnpm|pip.*)$/;

/** What Node tries behind a path that a module loads. */
const LOADED = ['', '.js', '.cjs', '.json', '.node', '/index.js'];

/** What only the channelz service of gRPC loads, which nothing starts. */
const UNUSED = new Set(['@grpc/proto-loader']);

let images: TestImages;
beforeAll(() => {
  images = new TestImages(['ztunnel', 'waypoint', 'istiod-lite', 'shop']);
});
afterAll(() => {
  images.remove();
});

describe.each([
  { name: 'ztunnel', user: '0:1337', main: '/ambit/packages/ztunnel/bundle/main.js' },
  { name: 'waypoint', user: '1337:1337', main: '/ambit/packages/waypoint/bundle/main.js' },
  { name: 'istiod-lite', user: '1337:1337', main: '/ambit/packages/istiod-lite/dist/main.js' },
  { name: 'shop', user: '65532:65532', main: '/ambit/examples/shop/dist/catalog.js' },
])('the image $name', ({ name, user, main }) => {
  let image: UnpackedImage;
  let paths: string[];
  beforeAll(() => {
    image = images.image(name);
    paths = image.files().map(({ path }) => path);
  });

  it('starts the program as its user', () => {
    expect(image.reference).toMatch(new RegExp(`^ghcr\\.io/ambit-mesh/${name}:\\d+\\.\\d+\\.\\d+$`));
    expect(image.config.User).toBe(user);
    const [command = '/usr/bin/node', ...parameters] = image.config.Entrypoint;
    expect(paths).toContain(command.slice(1));
    expect(paths).toContain(main.slice(1));
    if (name !== 'shop') expect(parameters.at(-1)).toBe(main);
  });

  it('has no program besides Node and its loader, no shell and no package manager', () => {
    expect(image.programs()).toEqual(['usr/bin/node']);
    const unwanted = paths.map((path) => basename(path)).filter((file) => HELPERS.test(file) || INSTALLERS.test(file));
    expect(unwanted).toEqual([]);
  });

  it('lets its user read everything and nobody write anything outside of /tmp', () => {
    const closed = image.files().filter(({ mode, path }) => !/^([-d]r..r-.r-.|l.*)$/.test(mode) && path !== 'tmp/');
    expect(closed).toEqual([]);
  });

  it('carries no tests, types, sources and test authorities', () => {
    expect(
      paths.filter((path) => /\.ts$|\.map$|\.test\.|^ambit\/(packages|examples)\/.*\/test-[^/]*$/.test(path)),
    ).toEqual([]);
  });

  it('has every file and package that its modules load', () => {
    const modules = paths.flatMap((path) => /^ambit\/(.*\.[cm]?js)$/.exec(path)?.[1] ?? []);
    expect(modules.length).toBeGreaterThan(20);
    expect(modules.flatMap((path) => danglingLoads(image.root, path))).toEqual([]);
  });

  it('lists all npm packages and Debian packages that are in it', () => {
    const bill = JSON.parse(image.text('ambit/sbom.spdx.json')) as {
      packages: { name: string; versionInfo?: string }[];
    };
    const listed = bill.packages.map(({ name: part, versionInfo }) => `${part} ${versionInfo ?? ''}`);
    const installed = paths
      .filter((path) =>
        /(^|\/)(node_modules\/(@[^/]+\/)?[^/]+|packages\/[^/]+|examples\/shop)\/package\.json$/.test(path),
      )
      .map((path) => JSON.parse(image.text(path)) as { name: string; version: string })
      .map((description) => `${description.name} ${description.version}`);
    const bundled = paths.flatMap((path) => /\/bundle\/licenses\/((?:@[^/]+\/)?[^/]+)\/[^/]+$/.exec(path)?.[1] ?? []);
    expect(installed.length + bundled.length).toBeGreaterThan(5);
    expect(listed).toEqual(expect.arrayContaining(installed));
    for (const part of bundled) expect(listed.some((entry) => entry.startsWith(`${part} `))).toBe(true);
    const notices = paths.flatMap((path) => /^usr\/share\/doc\/(lib[^/]+)\/copyright$/.exec(path)?.[1] ?? []);
    for (const notice of notices) expect(listed.some((part) => part.startsWith(notice))).toBe(true);
  });
});

it('images differ in their programs and what these need, and share the layers below', () => {
  const [ztunnel = [], waypoint = []] = ['ztunnel', 'waypoint'].map((name) =>
    images.image(name).layers.map((layer) => basename(layer)),
  );
  expect(ztunnel.length).toBeGreaterThan(2);
  expect(ztunnel.slice(0, -1)).toEqual(waypoint.slice(0, -1));
  expect(ztunnel.at(-1)).not.toBe(waypoint.at(-1));
});

it('the manifests of the shop name the image and files of it', () => {
  const folder = join(ROOT, 'examples/shop/manifests');
  const shop = images.image('shop');
  const files = shop.files().map(({ path }) => path);
  const containers = readdirSync(folder)
    .flatMap((file) =>
      parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document) => document.toJS() as Manifest),
    )
    .flatMap(({ spec }) => spec?.template?.spec.containers ?? []);
  expect(containers.length).toBeGreaterThan(4);
  for (const { image, command } of containers) {
    expect(image).toBe(shop.reference);
    expect(command[0]).toBe('node');
    expect(files).toContain(`${shop.config.WorkingDir.slice(1)}/${command[1] ?? ''}`);
  }
});

/** What a module loads and is installed but not in the image, as `module -> path or package`. */
function danglingLoads(root: string, path: string): string[] {
  const text = readFileSync(join(root, 'ambit', path), 'utf8');
  const loads = text.matchAll(/(?:\brequire\(|\bfrom|\bimport\(|\bimport)\s*(['"])([.@\w][^'"\s]*)\1/g);
  return [...loads].flatMap(([, , target = '']) => {
    const name = /^(@[^/]+\/)?[^/]+/.exec(target)?.[0] ?? '';
    const file = target.startsWith('.') ? join(dirname(path), target) : `node_modules/${name}/package.json`;
    const isIn = (folder: string): boolean => LOADED.some((ending) => existsSync(join(folder, file + ending)));
    return isIn(join(root, 'ambit')) || !isIn(ROOT) || UNUSED.has(name) ? [] : [`${path} -> ${target}`];
  });
}

interface Manifest {
  readonly spec?: {
    readonly template?: { readonly spec: { readonly containers: readonly { image: string; command: string[] }[] } };
  };
}

it('built again elsewhere, by another user at another time, an image has the same bytes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ambit-twice-'));
  const build = (out: string, umask: string, timeZone: string): void => {
    const command = [
      process.execPath,
      '--conditions=development',
      join(ROOT, 'images/src/main.ts'),
      '--only',
      'waypoint',
    ];
    const { status, stderr } = spawnSync('sh', ['-c', `umask ${umask}; exec "$@"`, 'sh', ...command, '--out', out], {
      encoding: 'utf8',
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', TZ: timeZone, LANG: 'tr_TR.UTF-8' },
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  };
  try {
    build('first', '022', 'UTC');
    build('second', '077', 'Asia/Tokyo');
    expect(readdirSync(join(folder, 'first'))).toEqual(['waypoint.spdx.json', 'waypoint.tar']);
    for (const file of readdirSync(join(folder, 'first'))) {
      const [first, second] = ['first', 'second'].map((out) => readFileSync(join(folder, out, file)));
      expect(first?.equals(second ?? Buffer.alloc(0))).toBe(true);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);

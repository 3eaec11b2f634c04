import { PROXY_RUNTIME_ENVIRONMENT, PROXY_RUNTIME_FLAGS } from '@ambit/core/runtime-flags';

/** Before the name of every image. */
export const REPOSITORY: string = 'ghcr.io/ambit-mesh';

/** A program of the machine that an image brings along. */
export interface Tool {
  readonly name: string;
  readonly debianPackage: string;
}

/**
 * The program of an image, a package of this repository: compiled module by module, with all that it depends on; or bundled,
 * with the packages that a bundle loads as they are installed.
 */
export type Program = { readonly workspace: string } & (
  | { readonly kind: 'modules'; readonly main: string }
  | { readonly kind: 'bundle'; readonly installed: readonly string[] }
);

export interface ImageDefinition {
  /** Below `REPOSITORY`. */
  readonly name: string;
  readonly description: string;
  readonly program: Program;
  /** Empty for an image whose containers name their command. */
  readonly entrypoint: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** `uid:gid`. */
  readonly user: string;
  readonly directory: string;
  readonly tools: readonly Tool[];
  /** With the plugin that the node agent installs. */
  readonly plugin: boolean;
}

const NODE = '/usr/bin/node';
const PATH = '/usr/sbin:/usr/bin';
/** Unprivileged, the same as that of Istio's proxies. */
const PROXY_USER = '1337:1337';

/** What all programs of the mesh have in common. */
const PROGRAM = { environment: { PATH }, directory: '/', tools: [], plugin: false } as const;

function bundled(workspace: string): Program {
  return { kind: 'bundle', workspace, installed: ['node_modules/koffi'] };
}

export const IMAGES: readonly ImageDefinition[] = [
  {
    ...PROGRAM,
    name: 'ztunnel',
    description: 'The node proxy',
    program: bundled('packages/ztunnel'),
    // Its keeper gives the proxy the flags of proxies.
    entrypoint: [NODE, '/ambit/packages/ztunnel/bundle/main.js'],
    user: '0:1337',
  },
  {
    ...PROGRAM,
    name: 'waypoint',
    description: 'The L7 proxy',
    program: bundled('packages/waypoint'),
    entrypoint: [NODE, ...PROXY_RUNTIME_FLAGS, '/ambit/packages/waypoint/bundle/main.js'],
    environment: { PATH, ...PROXY_RUNTIME_ENVIRONMENT },
    user: PROXY_USER,
  },
  {
    ...PROGRAM,
    name: 'istiod-lite',
    description: 'The controller',
    program: { kind: 'modules', workspace: 'packages/istiod-lite', main: 'dist/main.js' },
    entrypoint: [NODE, '/ambit/packages/istiod-lite/dist/main.js'],
    user: PROXY_USER,
  },
  {
    ...PROGRAM,
    name: 'cni',
    description: 'The node agent and its CNI plugin',
    program: { kind: 'modules', workspace: 'packages/cni', main: 'dist/main.js' },
    entrypoint: [NODE, '/ambit/packages/cni/dist/main.js'],
    user: '0:0',
    tools: [
      { name: 'nft', debianPackage: 'nftables' },
      { name: 'ip', debianPackage: 'iproute2' },
    ],
    plugin: true,
  },
  {
    ...PROGRAM,
    name: 'shop',
    description: 'The services of the sample shop',
    program: { kind: 'modules', workspace: 'examples/shop', main: 'dist/storefront.js' },
    // Its manifests name the command, as `node catalog.js`.
    entrypoint: [],
    user: '65532:65532',
    directory: '/ambit/examples/shop/dist',
  },
];

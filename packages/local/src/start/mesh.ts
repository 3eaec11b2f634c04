import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Clock } from '@ambit/core/clock';
import type { AmbitError } from '@ambit/core/errors';
import { type Bed, createBed } from '../bed/bed.ts';
import { NODE_NAMES } from '../bed/address-plan.ts';
import { openDoorway } from './doorway.ts';
import { SHOP_IMAGES, copyShopManifests } from './shop.ts';

const ADMIN_PORT = 15000;
const METRICS_PORT = 15020;
const CONTROLLER_STATUS_PORT = 15014;

export interface MeshOptions {
  /** Folder for everything that is written; whoever made it removes it. */
  readonly directory: string;
  /** Manifests to run; undefined: a copy of the shop's. */
  readonly manifests: string | undefined;
  /** Whether the proxies may be broken on purpose. */
  readonly faults: boolean;
  readonly clock: Clock;
  readonly report: (error: AmbitError) => void;
}

/** A running mesh and where to look at it. */
export interface RunningMesh {
  readonly bed: Bed;
  /** The manifests that are read whenever they change. */
  readonly manifests: string;
  /** Unix sockets that lead to listeners inside, by what they show. */
  readonly doorways: Readonly<Record<string, string>>;
}

/** Starts controller, proxies and the pods of the manifests; resolves when all pods are ready. */
export async function startMesh({ directory, manifests, faults, clock, report }: MeshOptions): Promise<RunningMesh> {
  const folder = manifests === undefined ? join(directory, 'manifests') : resolve(manifests);
  if (manifests === undefined) copyShopManifests(folder);
  const bed = await createBed({
    directory,
    clock,
    manifests: [folder],
    images: SHOP_IMAGES,
    proxies: { a: { kind: 'ambit' }, b: { kind: 'ambit' } },
    proxyEnvironment: { LOG_FORMAT: 'json', ...(faults ? { AMBIT_FAULTS: 'true' } : {}) },
    report,
  });
  try {
    await bed.settled();
    return { bed, manifests: folder, doorways: await openDoorways(bed, join(directory, 'doors')) };
  } catch (error) {
    await bed.close();
    throw error;
  }
}

async function openDoorways(bed: Bed, folder: string): Promise<Record<string, string>> {
  mkdirSync(folder);
  const doorways: Record<string, string> = {};
  const open = async (name: string, namespace: () => number, port: number): Promise<void> => {
    doorways[name] = join(folder, `${name}.sock`);
    await openDoorway(doorways[name], namespace, port);
  };
  for (const name of NODE_NAMES) {
    const node = bed.node(name);
    await open(`${name}-admin`, () => node.proxy.networkNamespace, ADMIN_PORT);
    await open(`${name}-metrics`, () => node.proxy.networkNamespace, METRICS_PORT);
  }
  await open('controller', () => bed.fabric.namespace, CONTROLLER_STATUS_PORT);
  return doorways;
}

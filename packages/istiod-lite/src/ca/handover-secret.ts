import { AmbitError } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { type KubeClient, KubeError } from '@ambit/kube/client';
import { type KubeObject, SECRETS } from '@ambit/kube/resource';
import type { SavedHandover } from './authority-in-force.ts';

/** The Secret that holds a handover while it lasts: the old authority with its key, and roots that are still trusted. */
export const HANDOVER_SECRET = 'ambit-ca-handover';
const KEY = 'handover.json';

interface Secret extends KubeObject {
  readonly kind: 'Secret';
  readonly type?: string;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

/**
 * What a predecessor has left; undefined when there is nothing, or when it may not be read, as with the rights of an older
 * release. Throws `AMBIT_CA_FILES` when it makes no sense.
 */
export async function readHandover({
  client,
  namespace,
  log,
}: {
  readonly client: Pick<KubeClient, 'get'>;
  readonly namespace: string;
  readonly log: Logger;
}): Promise<SavedHandover | undefined> {
  let secret: Secret;
  try {
    secret = await client.get<Secret>(SECRETS, HANDOVER_SECRET, namespace);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    if (error.status === 403)
      log.warn({ reason: error.message }, 'whether an authority was being handed over is not known');
    else if (error.status !== 404) throw error;
    return undefined;
  }
  try {
    // Only the controller writes it, and whoever else can has the key of the authority as well.
    return JSON.parse(Buffer.from(secret.data?.[KEY] ?? '', 'base64').toString('utf8')) as SavedHandover;
  } catch {
    // The parser's words quote what stands there, and a key does.
    throw new AmbitError('AMBIT_CA_FILES', `Secret ${namespace}/${HANDOVER_SECRET}: ${KEY} is no JSON`, {
      source: 'configuration',
    });
  }
}

/** Writes the handover, or deletes the Secret when there is none. */
export async function writeHandover(
  client: Pick<KubeClient, 'apply' | 'delete'>,
  namespace: string,
  handover: SavedHandover | undefined,
): Promise<void> {
  if (handover === undefined) {
    await client.delete(SECRETS, HANDOVER_SECRET, namespace);
    return;
  }
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: HANDOVER_SECRET, namespace },
    type: 'ambit.io/ca-handover',
    data: { [KEY]: Buffer.from(JSON.stringify(handover)).toString('base64') },
  };
  await client.apply(SECRETS, secret, { fieldManager: HANDOVER_SECRET, force: true });
}

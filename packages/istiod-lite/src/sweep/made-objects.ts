import type { Clock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import { type KubeClient, KubeError } from '@ambit/kube/client';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  GATEWAY_CLASSES,
  type KubeObject,
  LEASES,
  NAMESPACES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  type Resource,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICES,
} from '@ambit/kube/resource';
import {
  MANAGED_LABEL,
  WAYPOINT_CLASSES,
  WAYPOINT_CONTROLLER,
} from '@ambit/translation/translate/waypoint/deployed-names';
import { MANAGED_BY } from '@ambit/translation/waypoint-objects';
import { HANDOVER_SECRET } from '../ca/handover-secret.ts';
import { LEADER_LEASE } from '../write/leader-lease.ts';

/** Label of the controller's pods, as Istio's chart has it. */
const CONTROLLER_SELECTOR = 'app=istiod';
const ROOTS = 'istio-ca-root-cert';
/** Between two looks, in milliseconds. */
const LOOK_MS = 500;
/** Requests at a time. */
const ABREAST = 8;

/** What a waypoint consists of; its pods go with the Deployment. */
const OF_WAYPOINTS: readonly Resource[] = [DEPLOYMENTS, POD_DISRUPTION_BUDGETS, SERVICES, SERVICE_ACCOUNTS];

interface PodPhase extends KubeObject {
  readonly kind: 'Pod';
  readonly status?: { readonly phase?: string };
}

interface GatewayClass extends KubeObject {
  readonly kind: 'GatewayClass';
  readonly spec?: { readonly controllerName?: string };
}

export interface ControllersEndedOptions {
  readonly client: Pick<KubeClient, 'list'>;
  readonly namespace: string;
  readonly clock: Clock;
  /** Milliseconds. */
  readonly timeout: number;
}

/** Waits until no pod of the controller runs. Resolves with the names of those that still do after the timeout. */
export async function controllersEnded({
  client,
  namespace,
  clock,
  timeout,
}: ControllersEndedOptions): Promise<string[]> {
  const deadline = clock.now() + timeout;
  for (;;) {
    const { items } = await client.list<PodPhase>(PODS, { namespace, labelSelector: CONTROLLER_SELECTOR });
    const running = items.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
    if (running.length === 0 || clock.now() >= deadline) return running.map(({ metadata }) => metadata.name);
    await new Promise<void>((resolve) => clock.setTimeout(resolve, LOOK_MS));
  }
}

/**
 * Deletes the roots in every namespace, what Gateways have become, the classes of waypoints, what is left of an authority's handover, and the Lease; objects of
 * others under these names stay. What fails is reported and does not stop the rest. Resolves with how many of each kind went.
 */
export async function deleteMadeObjects(
  client: KubeClient,
  namespace: string,
  report: (problem: string) => void,
): Promise<ReadonlyMap<string, number>> {
  const deleted = new Map<string, number>();
  const attempt = async (what: string, step: () => Promise<void>): Promise<void> => {
    try {
      await step();
    } catch (error) {
      report(`${what}: ${messageOf(error)}`);
    }
  };
  const remove = async (resource: Resource, { metadata }: KubeObject): Promise<void> => {
    const uid = metadata.uid === undefined ? {} : { uid: metadata.uid };
    if (await client.delete(resource, metadata.name, metadata.namespace, uid)) {
      deleted.set(resource.kind, (deleted.get(resource.kind) ?? 0) + 1);
    }
  };
  const removeIf = async <T extends KubeObject>(
    resource: Resource<T['kind']>,
    [name, where]: readonly [string, string?],
    isMade: (object: T) => boolean,
  ): Promise<void> => {
    const object = await found(client.get<T>(resource, name, where));
    if (object !== undefined && isMade(object)) await remove(resource, object);
  };

  for (const resource of OF_WAYPOINTS) {
    await attempt(`${resource.kind} of waypoints`, async () => {
      const { items } = await client.list(resource, { labelSelector: `${MANAGED_LABEL}=${MANAGED_BY}` });
      await abreast(items.filter(isOfGateway), (object) => attempt(nameOf(object), () => remove(resource, object)));
    });
  }
  await attempt('namespaces', async () => {
    const { items } = await client.list(NAMESPACES);
    await abreast(items, ({ metadata: { name: where } }) =>
      attempt(`ConfigMap ${where}/${ROOTS}`, () =>
        removeIf(CONFIG_MAPS, [ROOTS, where], ({ metadata }) => metadata.labels?.['istio.io/config'] === 'true'),
      ),
    );
  });
  for (const name of WAYPOINT_CLASSES) {
    await attempt(`GatewayClass ${name}`, () =>
      removeIf<GatewayClass>(GATEWAY_CLASSES, [name], ({ spec }) => spec?.controllerName === WAYPOINT_CONTROLLER),
    );
  }
  await attempt(`Secret ${namespace}/${HANDOVER_SECRET}`, () =>
    removeIf(SECRETS, [HANDOVER_SECRET, namespace], () => true),
  );
  await attempt(`Lease ${namespace}/${LEADER_LEASE}`, () => removeIf(LEASES, [LEADER_LEASE, namespace], () => true));
  return deleted;
}

/** Undefined when it is not there, or its kind is not installed. */
async function found<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return undefined;
    throw error;
  }
}

/** Whoever sets the label by hand loses nothing. */
function isOfGateway({ metadata }: KubeObject): boolean {
  return metadata.ownerReferences?.some(({ kind, controller }) => kind === 'Gateway' && controller === true) === true;
}

function nameOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;
}

async function abreast<T>(items: readonly T[], step: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const lane = async (): Promise<void> => {
    for (const item of waiting) await step(item);
  };
  await Promise.all(Array.from({ length: ABREAST }, lane));
}

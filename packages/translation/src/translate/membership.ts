import type { MessageInitShape } from '@bufbuild/protobuf';
import type { PortListSchema } from '@ambit/proto/workload';
import type { WorkloadEntry, WorkloadEntrySpec } from '../entry-objects.ts';
import { selects, valueOf } from '../labels.ts';
import { type EndpointSlice, objectName, type Pod, type Service, type Texts } from '../objects.ts';
import { type Condition, conditionOf } from './condition.ts';
import { labelsOf } from './entries/entry-workload.ts';
import type { EntryHost, MeshService } from './mesh-service.ts';
import { isPublished, serviceKey, tcpPorts } from './service.ts';
import type { MeshModel } from './mesh-model.ts';
import type { TranslationSettings } from './settings.ts';

/** Ports per `namespace/hostname`: what a workload serves. */
export type ServicePorts = Record<string, MessageInitShape<typeof PortListSchema>>;

/** Label of an EndpointSlice that names its Service. */
const SERVICE_NAME = 'kubernetes.io/service-name';

/** Which Services and hosts of ServiceEntries a pod, a machine or a bare endpoint serves, and on which of its ports. */
export class Membership {
  readonly #settings: TranslationSettings;
  readonly #model: MeshModel;
  /** By namespace and the first label that they select, so that a pod is held against few of them. */
  readonly #selecting = new Map<string, MeshService[]>();
  /** Slices that name a pod, of Services without selector, by `namespace/pod`. */
  readonly #slicesOfPod = new Map<string, { slice: EndpointSlice; service: Service }[]>();
  /** Ports that a Service points to by a name which a pod does not have: `service key, port` to the pods. */
  readonly #missing = new Map<MeshService, Map<string, string[]>>();

  constructor(model: MeshModel, settings: TranslationSettings, hosts: Iterable<EntryHost>) {
    this.#model = model;
    this.#settings = settings;
    for (const service of [...model.services.values(), ...hosts]) {
      if (!hasSelector(service) || (service.kind === 'Service' && !isPublished(service))) continue;
      const [label] = Object.entries(service.spec.selector ?? {});
      if (label === undefined) continue;
      const key = selectionKey(service.metadata.namespace, label);
      const others = this.#selecting.get(key);
      if (others === undefined) this.#selecting.set(key, [service]);
      else others.push(service);
    }
    for (const slice of model.endpointSlices.values()) this.#indexSlice(slice);
  }

  /** The Service that a slice belongs to, when it is published. */
  serviceOf(slice: EndpointSlice): Service | undefined {
    const name = valueOf(slice.metadata.labels, SERVICE_NAME);
    const service = name === undefined ? undefined : this.#model.services.get(`${slice.metadata.namespace}/${name}`);
    return service !== undefined && isPublished(service) ? service : undefined;
  }

  ofPod(pod: Pod): ServicePorts {
    const result: ServicePorts = {};
    for (const service of this.#selectingAll(pod.metadata.namespace, pod.metadata.labels)) {
      result[serviceKey(service, this.#settings)] = { ports: this.#portsOfPod(service, pod) };
    }
    for (const { slice, service } of this.#slicesOfPod.get(objectName(pod.metadata)) ?? []) {
      const key = serviceKey(service, this.#settings);
      const ports = [...(result[key]?.ports ?? []), ...portsOfSlice(slice, service)];
      result[key] = {
        ports: ports.filter((port, index) => ports.findIndex((other) => samePort(port, other)) === index),
      };
    }
    return inOrder(result);
  }

  ofWorkloadEntry(entry: WorkloadEntry): ServicePorts {
    const result: ServicePorts = {};
    for (const service of this.#selectingAll(entry.metadata.namespace, labelsOf(entry))) {
      result[serviceKey(service, this.#settings)] = { ports: portsOfMachine(service, entry.spec) };
    }
    return inOrder(result);
  }

  ofSlice(slice: EndpointSlice, service: Service): ServicePorts {
    return { [serviceKey(service, this.#settings)]: { ports: portsOfSlice(slice, service) } };
  }

  /** Call after `ofPod` was asked for every pod. */
  conditions(): Condition[] {
    return [...this.#missing].flatMap(([service, ports]) =>
      [...ports].map(([port, pods]) => {
        const message = `no container port is called ${port} in ${pods.slice(0, 5).join(', ')}${pods.length > 5 ? ` and ${pods.length - 5} more` : ''}`;
        return conditionOf(service, 'PortsResolved', 'False', 'PortNotFound', message);
      }),
    );
  }

  *#selectingAll(namespace: string, labels: Texts | undefined): Generator<MeshService> {
    for (const label of Object.entries(labels ?? {})) {
      for (const service of this.#selecting.get(selectionKey(namespace, label)) ?? []) {
        if (selects(service.spec.selector ?? {}, labels)) yield service;
      }
    }
  }

  #portsOfPod(service: MeshService, pod: Pod): { servicePort: number; targetPort: number }[] {
    if (service.kind === 'ServiceEntry') {
      return tcpPorts(service).map(({ port, name = '', targetPort = port }) => ({
        servicePort: port,
        targetPort: namedPort(pod, name) ?? Number(targetPort),
      }));
    }
    return tcpPorts(service).flatMap(({ port, targetPort = port }) => {
      const number = typeof targetPort === 'string' ? namedPort(pod, targetPort) : targetPort;
      if (number !== undefined) return [{ servicePort: port, targetPort: number }];
      const missing = this.#missing.get(service) ?? new Map<string, string[]>();
      missing.set(String(targetPort), [...(missing.get(String(targetPort)) ?? []), pod.metadata.name]);
      this.#missing.set(service, missing);
      return [];
    });
  }

  #indexSlice(slice: EndpointSlice): void {
    const service = this.serviceOf(slice);
    // The pods of a Service with a selector are found by it.
    if (service === undefined || hasSelector(service)) return;
    for (const { targetRef } of slice.endpoints) {
      if (targetRef?.kind !== 'Pod' || targetRef.name === undefined) continue;
      const pod = `${targetRef.namespace ?? slice.metadata.namespace}/${targetRef.name}`;
      const known = this.#slicesOfPod.get(pod) ?? [];
      if (!known.some((entry) => entry.slice === slice)) this.#slicesOfPod.set(pod, [...known, { slice, service }]);
    }
  }
}

/** In order of names, so that the encoded workload does not depend on how its Services were found. */
function inOrder(ports: ServicePorts): ServicePorts {
  return Object.fromEntries(Object.entries(ports).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * The ports on which a machine serves: a Service names them by its target ports, a ServiceEntry by its own names. One that a
 * Service names and the machine does not have is left out.
 */
export function portsOfMachine(
  service: MeshService,
  { ports = {} }: WorkloadEntrySpec,
): { servicePort: number; targetPort: number }[] {
  return tcpPorts(service).flatMap(({ port, name = '', targetPort = port }) => {
    const key = service.kind === 'ServiceEntry' ? name : targetPort;
    const named = typeof key === 'string' && Object.hasOwn(ports, key) ? ports[key] : undefined;
    const number = named ?? (typeof targetPort === 'number' ? targetPort : undefined);
    return number === undefined ? [] : [{ servicePort: port, targetPort: number }];
  });
}

function hasSelector({ spec }: MeshService): boolean {
  return Object.keys(spec.selector ?? {}).length > 0;
}

/** The number of a named port: over the containers, then those init containers that keep running. */
function namedPort({ spec }: Pod, name: string): number | undefined {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const { ports = [] } of [...spec.containers, ...sidecars]) {
    const port = ports.find((entry) => entry.name === name && (entry.protocol ?? 'TCP') === 'TCP');
    if (port !== undefined) return port.containerPort;
  }
  return undefined;
}

/** A slice's ports joined with the Service's by name. */
function portsOfSlice(slice: EndpointSlice, service: Service): { servicePort: number; targetPort: number }[] {
  return (slice.ports ?? []).flatMap(({ name = '', port, protocol = 'TCP' }) => {
    if (protocol !== 'TCP' || port === undefined) return [];
    const match = tcpPorts(service).find((candidate) => (candidate.name ?? '') === name);
    return match === undefined ? [] : [{ servicePort: match.port, targetPort: port }];
  });
}

function samePort(
  a: { servicePort?: number; targetPort?: number },
  b: { servicePort?: number; targetPort?: number },
): boolean {
  return a.servicePort === b.servicePort && a.targetPort === b.targetPort;
}

/** Neither names of namespaces nor labels hold a blank. */
function selectionKey(namespace: string, [key, value]: readonly [string, string]): string {
  return `${namespace} ${key}=${value}`;
}

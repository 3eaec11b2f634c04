import type { IpAddress, SocketAddress } from '@ambit/core/address';
import { isIpv6 } from '@ambit/core/address';
import { runTool } from '@ambit/capture/tools';
import { inNamespace } from '@ambit/native/namespace';
import { selects } from '@ambit/translation/labels';
import { objectName, type Pod, type Service, type ServicePort } from '@ambit/translation/objects';
import { AddressPool } from './address-plan.ts';
import { type ServicePortRule, serviceRules } from './service-rules.ts';

/** A pod as Services choose it. */
export interface ServedPod {
  readonly object: Pod;
  readonly ip: IpAddress;
  readonly ready: boolean;
}

/** A Service with its address and the pods behind it. */
export interface PlacedService {
  readonly object: Service;
  /** Undefined for headless Services and external names. */
  readonly ip: IpAddress | undefined;
  readonly ports: readonly { readonly port: ServicePort; readonly endpoints: readonly SocketAddress[] }[];
}

/** Gives Services their addresses and makes the nodes serve them. */
export class ServiceTable {
  readonly #pool = new AddressPool('10.96.1', 1);
  readonly #addresses = new Map<string, IpAddress>();
  readonly #nodes: readonly number[];
  #written = '';

  /** @param nodes descriptors of the nodes' network namespaces */
  constructor(nodes: readonly number[]) {
    this.#nodes = nodes;
  }

  /** Places the Services and writes the rules of the nodes, if anything changed. */
  update(services: Iterable<Service>, pods: readonly ServedPod[]): PlacedService[] {
    const all = [...services];
    this.#giveBack(all);
    const placed = all.map((object) => this.#place(object, pods));
    const rules = serviceRules(placed.flatMap(portRules));
    if (rules !== this.#written) {
      for (const node of this.#nodes) {
        inNamespace(node, () => runTool('nft', ['-f', '-'], { input: rules, purpose: 'write the rules of Services' }));
      }
      this.#written = rules;
    }
    return placed;
  }

  #place(object: Service, pods: readonly ServedPod[]): PlacedService {
    const behind = pods.filter((pod) => serves(pod, object));
    const ports = (object.spec.ports ?? []).map((port) => ({
      port,
      endpoints: behind.flatMap((pod) => {
        const number = targetPort(port, pod.object);
        return number === undefined || isIpv6(pod.ip) ? [] : [{ ip: pod.ip, port: number }];
      }),
    }));
    return { object, ip: this.#addressOf(object), ports };
  }

  #addressOf({ metadata, spec }: Service): IpAddress | undefined {
    if (spec.type === 'ExternalName' || spec.clusterIP === 'None') return undefined;
    const name = objectName(metadata);
    const known = this.#addresses.get(name);
    if (known !== undefined) return known;
    const ip = spec.clusterIP !== undefined && spec.clusterIP !== '' ? spec.clusterIP : this.#pool.take(name);
    this.#addresses.set(name, ip);
    return ip;
  }

  #giveBack(services: readonly Service[]): void {
    const names = new Set(services.map(({ metadata }) => objectName(metadata)));
    for (const [name, ip] of this.#addresses) {
      if (names.has(name)) continue;
      this.#addresses.delete(name);
      this.#pool.giveBack(ip);
    }
  }
}

function portRules({ ip, ports }: PlacedService): ServicePortRule[] {
  if (ip === undefined || isIpv6(ip)) return [];
  return ports.flatMap(({ port, endpoints }) => {
    const protocol = port.protocol ?? 'TCP';
    if (protocol === 'SCTP') return [];
    return [{ ip, protocol: protocol === 'TCP' ? ('tcp' as const) : ('udp' as const), port: port.port, endpoints }];
  });
}

function serves({ object, ready }: ServedPod, { metadata, spec }: Service): boolean {
  if (spec.selector === undefined || Object.keys(spec.selector).length === 0) return false;
  if (object.metadata.namespace !== metadata.namespace || object.metadata.deletionTimestamp !== undefined) return false;
  return (ready || spec.publishNotReadyAddresses === true) && selects(spec.selector, object.metadata.labels);
}

function targetPort({ port, targetPort: target = port }: ServicePort, pod: Pod): number | undefined {
  if (typeof target === 'number') return target;
  for (const container of pod.spec.containers) {
    const named = container.ports?.find(({ name }) => name === target);
    if (named !== undefined) return named.containerPort;
  }
  return undefined;
}

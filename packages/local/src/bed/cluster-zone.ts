import { type IpAddress, isIpv6 } from '@ambit/core/address';
import { type Answer, NAME_ERROR, NO_ERROR, TYPE_A, TYPE_AAAA, TYPE_SRV } from './dns-message.ts';
import type { PlacedService } from './service-table.ts';

/** What the zone says to one question. */
export interface ZoneAnswer {
  readonly code: number;
  readonly answers: readonly Answer[];
}

const NOTHING: ZoneAnswer = { code: NO_ERROR, answers: [] };

/** The names of a cluster as its DNS serves them (Kubernetes DNS specification 1.1): Services, headless ones, SRV, external names. */
export class ClusterZone {
  readonly #domain: string;
  readonly #fixed: ReadonlyMap<string, IpAddress>;
  #addresses = new Map<string, readonly IpAddress[]>();
  #servers = new Map<string, readonly { port: number; target: string }[]>();
  #aliases = new Map<string, string>();

  /** `fixed`: further names, e.g. the controller's, and their addresses. */
  constructor(domain: string, fixed: ReadonlyMap<string, IpAddress>) {
    this.#domain = domain;
    this.#fixed = fixed;
  }

  update(services: readonly PlacedService[]): void {
    this.#addresses = new Map([...this.#fixed].map(([name, ip]) => [name, [ip]]));
    this.#servers = new Map();
    this.#aliases = new Map();
    for (const service of services) this.#add(service);
  }

  answer(name: string, type: number): ZoneAnswer {
    const target = this.#aliases.get(name);
    if (target !== undefined) {
      const { answers } = this.answer(target, type);
      return { code: NO_ERROR, answers: [{ type: 'alias', name, target }, ...answers] };
    }
    const addresses = this.#addresses.get(name);
    const servers = this.#servers.get(name);
    if (addresses === undefined && servers === undefined) return { code: NAME_ERROR, answers: [] };
    if (type === TYPE_SRV)
      return { code: NO_ERROR, answers: (servers ?? []).map((server) => ({ type: 'server', name, ...server })) };
    if (type !== TYPE_A && type !== TYPE_AAAA) return NOTHING;
    const family = (addresses ?? []).filter((ip) => isIpv6(ip) === (type === TYPE_AAAA));
    return { code: NO_ERROR, answers: family.map((ip) => ({ type: 'address', name, ip })) };
  }

  #add({ object, ip, ports }: PlacedService): void {
    const name = `${object.metadata.name}.${object.metadata.namespace}.svc.${this.#domain}`;
    if (object.spec.type === 'ExternalName') {
      if (object.spec.externalName !== undefined) this.#aliases.set(name, object.spec.externalName.toLowerCase());
      return;
    }
    const behind = [...new Set(ports.flatMap(({ endpoints }) => endpoints.map((endpoint) => endpoint.ip)))];
    this.#addresses.set(name, ip === undefined ? behind : [ip]);
    for (const { port, endpoints } of ports) {
      if (port.name === undefined) continue;
      const server = `_${port.name}._${(port.protocol ?? 'TCP').toLowerCase()}.${name}`;
      if (ip !== undefined) {
        this.#servers.set(server, [{ port: port.port, target: name }]);
        continue;
      }
      const targets = endpoints.map((endpoint) => ({
        port: endpoint.port,
        target: `${endpoint.ip.replaceAll('.', '-')}.${name}`,
      }));
      this.#servers.set(server, targets);
      for (const [index, { target }] of targets.entries()) this.#addresses.set(target, [endpoints[index]?.ip ?? '']);
    }
  }
}

import { type IpAddress, isIpv6 } from '@ambit/core/address';
import {
  addProbeTarget,
  type HostRedirection,
  hostRules,
  hostTable,
  probeTargets,
  removeHostRules,
  removeProbeTarget,
} from '@ambit/capture/host-rules';
import { differences } from '@ambit/capture/ruleset';
import { runTool } from '@ambit/capture/tools';
import { inNamespace } from '@ambit/native/namespace';

/** The rules of one node that give kubelet's probes of enrolled pods the probe address. */
export class HostProbes {
  readonly #namespace: number;
  readonly #host: HostRedirection;
  /** Address -> uid of the pod that it was let through for. */
  readonly #targets: Map<IpAddress, string>;

  /**
   * Writes the rules. What an earlier agent let through stays so until `retain`, because kubelet goes on probing.
   * @param namespace descriptor of the node's own network namespace.
   */
  constructor(namespace: number, host: HostRedirection) {
    this.#namespace = namespace;
    this.#host = host;
    this.#targets = probeTargets(this.#listing());
    this.#writeAll('write the rules of the node');
  }

  add(ip: IpAddress, podUid: string): void {
    if (this.#targets.get(ip) === podUid || !this.#serves(ip)) return;
    const earlier = this.#targets.get(ip);
    this.#targets.set(ip, podUid);
    try {
      this.#add(ip, podUid);
    } catch (error) {
      if (earlier === undefined) this.#targets.delete(ip);
      else this.#targets.set(ip, earlier);
      throw error;
    }
  }

  /** Does nothing when the address belongs to another pod by now. */
  remove(ip: IpAddress, podUid: string): void {
    if (this.#targets.get(ip) !== podUid) return;
    this.#targets.delete(ip);
    try {
      this.#nft(removeProbeTarget(ip), `stop letting probes of ${ip} through`);
    } catch {
      // Something else took the element or the whole table away: what is left is written as it should be.
      this.#writeAll(`stop letting probes of ${ip} through`);
    }
  }

  /** Forgets the addresses of all pods but these. For when all pods of the node are known. */
  retain(podUids: ReadonlySet<string>): void {
    for (const [ip, uid] of [...this.#targets]) if (!podUids.has(uid)) this.remove(ip, uid);
  }

  /** What of the rules is not as written; they are written again then. */
  repair(): string[] {
    const listing = this.#listing();
    const problems = differences([hostTable(this.#host)], listing);
    const present = probeTargets(listing);
    for (const [ip, uid] of this.#targets)
      if (present.get(ip) !== uid) problems.push(`probes of ${ip} are not let through`);
    if (problems.length > 0) this.#writeAll('write the rules of the node again');
    return problems;
  }

  /** Takes the rules away, for a node that leaves the mesh. */
  removeRules(): void {
    this.#targets.clear();
    this.#nft(removeHostRules(), 'remove the rules of the node');
  }

  #add(ip: IpAddress, podUid: string): void {
    const purpose = `let probes of ${ip} through`;
    try {
      this.#nft(addProbeTarget(ip, podUid), purpose);
    } catch {
      // The set may be gone with its table.
      this.#writeAll(purpose);
    }
  }

  #serves(ip: IpAddress): boolean {
    return this.#host.ipv6 || !isIpv6(ip);
  }

  #writeAll(purpose: string): void {
    this.#nft(hostRules(this.#host, this.#targets), purpose);
  }

  #listing(): string {
    return inNamespace(this.#namespace, () =>
      runTool('nft', ['-n', 'list', 'ruleset', 'inet'], { purpose: 'read the rules of the node' }),
    );
  }

  #nft(input: string, purpose: string): void {
    inNamespace(this.#namespace, () => runTool('nft', ['-f', '-'], { input, purpose }));
  }
}

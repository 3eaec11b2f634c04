import type { IpAddress } from '@ambit/core/address';
import {
  addProbeTarget,
  type HostRedirection,
  hostRules,
  hostTable,
  probeTargets,
  removeProbeTarget,
} from '@ambit/capture/host-rules';
import { differences } from '@ambit/capture/ruleset';
import { runTool } from '@ambit/capture/tools';
import { inNamespace } from '@ambit/native/namespace';

/** In the bed everything that the node itself sends is kubelet's, and has its uid, 0. */
const HOST: HostRedirection = { kubeletUid: 0, ipv6: false };

/** The rules of one node that give kubelet's probes of enrolled pods the probe address. */
export class HostProbes {
  readonly #namespace: number;
  /** Address -> uid of the pod that it was let through for. */
  readonly #targets = new Map<IpAddress, string>();

  /** Writes the rules without any pod. */
  constructor(namespace: number) {
    this.#namespace = namespace;
    this.#nft(hostRules(HOST), 'write the rules of the node');
  }

  add(ip: IpAddress, podUid: string): void {
    if (this.#targets.get(ip) === podUid) return;
    this.#nft(addProbeTarget(ip, podUid), `let probes of ${ip} through`);
    this.#targets.set(ip, podUid);
  }

  /** Does nothing when the address belongs to another pod by now. */
  remove(ip: IpAddress, podUid: string): void {
    if (this.#targets.get(ip) !== podUid) return;
    this.#targets.delete(ip);
    this.#nft(removeProbeTarget(ip), `stop letting probes of ${ip} through`);
  }

  /** What of the rules is not as written; they are written again then. */
  repair(): string[] {
    const listing = inNamespace(this.#namespace, () =>
      runTool('nft', ['-n', 'list', 'ruleset', 'inet'], { purpose: 'read the rules of the node' }),
    );
    const problems = differences([hostTable(HOST)], listing);
    const present = probeTargets(listing);
    for (const [ip, uid] of this.#targets)
      if (present.get(ip) !== uid) problems.push(`probes of ${ip} are not let through`);
    if (problems.length > 0) this.#nft(hostRules(HOST, this.#targets), 'write the rules of the node again');
    return problems;
  }

  #nft(input: string, purpose: string): void {
    inNamespace(this.#namespace, () => runTool('nft', ['-f', '-'], { input, purpose }));
  }
}

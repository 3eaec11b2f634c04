import type { IpAddress } from '@ambit/core/address';
import { addProbeTarget, hostRules, removeProbeTarget } from '@ambit/capture/host-rules';
import { runTool } from '@ambit/capture/tools';
import { inNamespace } from '@ambit/native/namespace';

/** The rules of one node that give kubelet's probes of enrolled pods the probe address. */
export class HostProbes {
  readonly #namespace: number;
  /** Address -> uid of the pod that it was let through for. */
  readonly #targets = new Map<IpAddress, string>();

  /** Writes the rules without any pod. In the bed everything that the node itself sends is kubelet's, and has its uid, 0. */
  constructor(namespace: number) {
    this.#namespace = namespace;
    this.#nft(hostRules({ kubeletUid: 0, ipv6: false }), 'write the rules of the node');
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

  #nft(input: string, purpose: string): void {
    inNamespace(this.#namespace, () => runTool('nft', ['-f', '-'], { input, purpose }));
  }
}

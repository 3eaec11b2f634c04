import { join } from 'node:path';
import { loopbackHasIpv6 } from '@ambit/capture/pod-sysctls';
import { runTool } from '@ambit/capture/tools';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { inNamespace, openNamespace } from '@ambit/native/namespace';

/** A descriptor of the node's own network namespace. Throws `AMBIT_CNI_HOST`. */
export function openHostNamespace(hostProc: string): number {
  const path = join(hostProc, '1/ns/net');
  try {
    return openNamespace(path);
  } catch (error) {
    throw new AmbitError(
      'AMBIT_CNI_HOST',
      `cannot open the network namespace of the node, ${path}: ${messageOf(error)}; is HOST_PROC the proc file system of the node, and does the agent have CAP_SYS_PTRACE?`,
      { source: 'system', cause: error },
    );
  }
}

/** Proves that the node's kernel has nf_tables and that the agent may use it. Throws `AMBIT_CNI_NFTABLES` or `AMBIT_TOOL_…`. */
export function checkNftables(namespace: number): void {
  try {
    inNamespace(namespace, () => runTool('nft', ['list', 'tables'], { purpose: 'look at the rules of the node' }));
  } catch (error) {
    if (error instanceof AmbitError && (error.code === 'AMBIT_TOOL_MISSING' || error.code === 'AMBIT_TOOL_DENIED'))
      throw error;
    throw new AmbitError(
      'AMBIT_CNI_NFTABLES',
      `this node cannot redirect pods: nftables does not work (${messageOf(error)}); its kernel needs the module nf_tables with nft_redir, nft_nat and nft_ct (Linux 5.10 or newer)`,
      { source: 'system', cause: error },
    );
  }
}

/** Whether the node's own network namespace speaks IPv6. */
export function hostHasIpv6(namespace: number, hostProc: string): boolean {
  return inNamespace(namespace, () => loopbackHasIpv6(hostProc));
}

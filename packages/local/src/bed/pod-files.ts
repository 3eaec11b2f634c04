import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLUSTER_DNS_IP } from './address-plan.ts';

/** The files that processes of a namespace see in place of the machine's: path -> the file shown there, below `directory`. */
export function podFiles(directory: string, namespace: string): Record<string, string> {
  const file = join(directory, `resolv.${namespace}.conf`);
  writeFileSync(file, resolvConf(namespace));
  return { '/etc/resolv.conf': file, ...nameService(directory) };
}

function resolvConf(namespace: string): string {
  const search = [`${namespace}.svc.cluster.local`, 'svc.cluster.local', 'cluster.local'].join(' ');
  return `search ${search}\nnameserver ${CLUSTER_DNS_IP}\noptions ndots:5\n`;
}

/** Where names are asked of a service of the machine instead of resolv.conf, they must not be. */
function nameService(directory: string): Record<string, string> {
  const path = '/etc/nsswitch.conf';
  let machine: string;
  try {
    machine = readFileSync(path, 'latin1');
  } catch {
    return {};
  }
  if (!/^hosts:.*\b(resolve|mymachines|mdns\w*)\b/m.test(machine)) return {};
  const file = join(directory, 'nsswitch.conf');
  writeFileSync(file, machine.replace(/^hosts:.*$/m, 'hosts: files dns'));
  return { [path]: file };
}

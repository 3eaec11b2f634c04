import { flag, integer, readEnvironment, text, type Variable } from '@ambit/core/environment';
import { AmbitError } from '@ambit/core/errors';
import type { LogLevel } from '@ambit/core/log';

/** What the node agent is told by its environment. Names are Istio's where it has them. */
export interface Config {
  readonly nodeName: string;
  readonly podName: string;
  /** Namespace of the mesh. */
  readonly podNamespace: string;
  readonly excludeNamespaces: readonly string[];
  /** Where the node's folder of CNI programs is mounted. */
  readonly binDirectory: string;
  /** Where the node's folder of network configurations is mounted. */
  readonly configDirectory: string;
  /** Where the node's proc file system is mounted, writable. */
  readonly hostProc: string;
  /** Where the node's folder of named network namespaces is mounted. */
  readonly hostNetns: string;
  /** The folder that agent and plugin share; the same path on the node and here. */
  readonly runDirectory: string;
  readonly zdsSocket: string;
  readonly pluginBinary: string;
  readonly dnsCapture: boolean;
  readonly ipv6: boolean;
  /** -1: found by looking for kubelet's process. */
  readonly kubeletUid: number;
  /** Milliseconds that redirected connections of a pod get to end when it leaves the mesh; 0: as long as they live. */
  readonly leaveDeadline: number;
  /** Milliseconds between two proofs of the same enrolment. */
  readonly proofInterval: number;
  readonly readinessPort: number;
  readonly metricsPort: number;
  readonly kubeconfig: string;
  readonly logLevel: LogLevel;
}

const PORT = { min: 1, max: 65_535 };

const VARIABLES: { readonly [Key in keyof Config]: Variable<Config[Key]> } = {
  nodeName: text('NODE_NAME', '', 'name of the Node that this agent serves'),
  podName: text('POD_NAME', '', "the agent's own Pod"),
  podNamespace: text('POD_NAMESPACE', 'istio-system', 'namespace of the mesh'),
  excludeNamespaces: names('EXCLUDE_NAMESPACES', ['kube-system'], 'namespaces whose pods are never captured'),
  binDirectory: text('CNI_BIN_DIR', '/host/opt/cni/bin', 'folder of CNI programs'),
  configDirectory: text('CNI_CONF_DIR', '/host/etc/cni/net.d', 'folder of network configurations'),
  hostProc: text('HOST_PROC', '/host/proc', "the node's proc file system"),
  hostNetns: text('HOST_NETNS', '/host/var/run/netns', "the node's folder of network namespaces"),
  runDirectory: text('AGENT_RUN_DIR', '/var/run/istio-cni', 'folder shared with the plugin'),
  zdsSocket: text('ZTUNNEL_SOCKET', '/var/run/ztunnel/ztunnel.sock', 'socket for the node proxy'),
  pluginBinary: text('CNI_PLUGIN', '/ambit/cni-plugin/ambit-cni', 'the plugin that is installed on the node'),
  dnsCapture: flag('AMBIENT_DNS_CAPTURE', true, 'redirect DNS queries of pods that do not say otherwise'),
  ipv6: flag('AMBIENT_IPV6', true, 'write IPv6 rules where there is IPv6'),
  kubeletUid: integer('KUBELET_UID', -1, { min: -1, max: 0xffff_fffe }, 'user of kubelet; -1: looked up'),
  leaveDeadline: seconds('LEAVE_DEADLINE_SECONDS', 3_600, 'for connections of pods that leave; 0: none'),
  proofInterval: seconds('RECONCILE_INTERVAL_SECONDS', 30, 'between two proofs of the same enrolment'),
  readinessPort: integer('READINESS_PORT', 8_000, PORT, 'port of /readyz and /healthz'),
  metricsPort: integer('METRICS_PORT', 15_014, PORT, 'port of /metrics'),
  kubeconfig: text('KUBECONFIG', '', 'file that names the API server; empty: that of the cluster'),
  logLevel: level('LOG_LEVEL', 'info', 'least level that is logged'),
};

/** Reads the environment once. Throws `AMBIT_CONFIG` that names everything wrong. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const config = readEnvironment(VARIABLES, environment);
  const missing = [
    ...(config.nodeName === '' ? ['NODE_NAME (fieldRef spec.nodeName)'] : []),
    ...(config.podName === '' ? ['POD_NAME (fieldRef metadata.name)'] : []),
  ];
  if (missing.length > 0)
    throw new AmbitError('AMBIT_CONFIG', `${missing.join(' and ')} must be set`, { source: 'configuration' });
  return config;
}

/** Names separated by commas; empty ones are left out. */
function names(name: string, fallback: readonly string[], about: string): Variable<readonly string[]> {
  const parse = (value: string): readonly string[] => {
    const found = value
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
    const bad = found.find((part) => !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(part));
    if (bad !== undefined) throw new Error(`${JSON.stringify(bad)} is not the name of a namespace`);
    return found;
  };
  return { name, about, fallback, parse };
}

/** Whole seconds in the environment, milliseconds here. */
function seconds(name: string, fallback: number, about: string): Variable<number> {
  const variable = integer(name, fallback, { min: 0, max: 31_536_000 }, about);
  return { ...variable, fallback: fallback * 1_000, parse: (value) => variable.parse(value) * 1_000 };
}

function level(name: string, fallback: LogLevel, about: string): Variable<LogLevel> {
  const levels: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
  const parse = (value: string): LogLevel => {
    const found = levels.find((candidate) => candidate === value);
    if (found === undefined) throw new Error(`must be one of ${levels.join(', ')}`);
    return found;
  };
  return { name, about, fallback, parse };
}

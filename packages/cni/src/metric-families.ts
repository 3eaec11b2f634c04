/** A family of the agent. Those that begin with `istio_`, `nodeagent_` or `ztunnel_` are Istio's. */
export interface AgentFamily {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly labels: readonly string[];
  readonly help: string;
}

export const INSTALL_READY: AgentFamily = {
  name: 'istio_cni_install_ready',
  type: 'gauge',
  labels: [],
  help: '1 while the plugin stands in the network configuration of the node.',
};
export const INSTALLS: AgentFamily = {
  name: 'istio_cni_installs_total',
  type: 'counter',
  labels: ['result'],
  help: 'Times the plugin was put into the network configuration, or could not be.',
};
export const PLUGIN_REQUESTS: AgentFamily = {
  name: 'istio_cni_plugin_requests_total',
  type: 'counter',
  labels: ['result'],
  help: 'New pods that asked: enrolled, passed (not for the mesh), refused.',
};
export const RECONCILES: AgentFamily = {
  name: 'nodeagent_reconcile_events_total',
  type: 'counter',
  labels: ['type'],
  help: 'What was found amiss and is mended: pod_rules, host_rules, listeners, annotation, namespace.',
};
export const ZTUNNEL_CONNECTED: AgentFamily = {
  name: 'ztunnel_connected',
  type: 'gauge',
  labels: [],
  help: 'Node proxies that are connected; two during an upgrade.',
};
export const PODS: AgentFamily = {
  name: 'ambit_enrolment_pods',
  type: 'gauge',
  labels: ['state'],
  help: 'Pods of the node by state: in, joining, leaving.',
};
export const UNPROVEN: AgentFamily = {
  name: 'ambit_enrolment_unproven_pods',
  type: 'gauge',
  labels: [],
  help: 'Pods that belong into the mesh and could not be shown to be in it.',
};
export const FAILURES: AgentFamily = {
  name: 'ambit_enrolment_failures_total',
  type: 'counter',
  labels: ['code'],
  help: 'Failed steps of taking a pod in or out; they are tried again.',
};

/** Every family, in the order of a scrape. */
export const FAMILIES: readonly AgentFamily[] = [
  INSTALL_READY,
  INSTALLS,
  PLUGIN_REQUESTS,
  RECONCILES,
  ZTUNNEL_CONNECTED,
  PODS,
  UNPROVEN,
  FAILURES,
];

import { DNS_SERVICE_ADDRESS, type NodePlan, POD_CIDR } from './address-plan.ts';
import { PAUSE_IMAGE } from './parts/images.ts';

/** The network of pods: every packet is routed, as on most real networks, also between pods of one node. */
export function cniConfig({ podCidr }: NodePlan): string {
  const ipam = {
    type: 'host-local',
    dataDir: '/run/cni-ipam',
    ranges: [[{ subnet: podCidr }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  const plugins = [
    { type: 'ptp', ipMasq: false, ipam },
    { type: 'portmap', capabilities: { portMappings: true }, backend: 'nftables' },
  ];
  return JSON.stringify({ cniVersion: '1.0.0', name: 'pods', plugins }, undefined, 2);
}

export function containerdConfig(runc: string): string {
  return `version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '${PAUSE_IMAGE}'
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true # root may lack CAP_SYS_RESOURCE
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = '${runc}'
SystemdCgroup = false
`;
}

export function kubeletConfig({ name }: NodePlan, pki: string): string {
  return `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: ${pki}/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: ${pki}/node-${name}.crt
tlsPrivateKeyFile: ${pki}/node-${name}.key
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
failCgroupV1: false # newer kubelets refuse version 1 otherwise
failSwapOn: false
clusterDNS: [${DNS_SERVICE_ADDRESS}]
clusterDomain: cluster.local
resolvConf: /etc/resolv.conf
volumePluginDir: /var/lib/kubelet/volume-plugins
imageGCHighThresholdPercent: 100 # images come from files, not from a registry
containerLogMaxSize: 200Mi # a load writes more than the usual 10 while a test runs, and kubectl reads the newest file alone
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
`;
}

/** The limits of conntrack belong to the machine and cannot be set from a namespace. */
export function proxyConfig({ name }: NodePlan, pki: string): string {
  return `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: ${pki}/proxy.conf}
hostnameOverride: ${name}
mode: nftables
detectLocalMode: ClusterCIDR
clusterCIDR: ${POD_CIDR}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
`;
}

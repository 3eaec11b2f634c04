import { duration, text, type Variable } from '@ambit/core/environment';

/** Who a proxy is in its cluster, and where its controller and authority are. */
export interface ControlPlaneSettings {
  readonly nodeName: string;
  readonly podName: string;
  readonly podNamespace: string;
  readonly serviceAccount: string;
  readonly instanceIp: string;
  readonly network: string;
  readonly clusterId: string;
  readonly clusterDomain: string;
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  readonly xdsAddress: string;
  readonly xdsRootCa: string;
  readonly xdsHostname: string;
  readonly caAddress: string;
  readonly caRootCa: string;
  readonly caHostname: string;
  readonly authToken: string;
  readonly secretTtl: number;
}

/** Their variables. Names and defaults are those of Istio's proxies. `name`: of the own pod and its account, when not said. */
export function controlPlaneVariables(name: string): {
  readonly [Key in keyof ControlPlaneSettings]: Variable<ControlPlaneSettings[Key]>;
} {
  return {
    nodeName: text('NODE_NAME', '', 'node of this proxy'),
    podName: text('POD_NAME', name, 'own pod'),
    podNamespace: text('POD_NAMESPACE', 'istio-system', 'namespace of the own pod'),
    serviceAccount: text('SERVICE_ACCOUNT', name, 'service account of the own pod'),
    instanceIp: text('INSTANCE_IP', '1.1.1.1', 'address of the own pod'),
    network: text('NETWORK', '', 'network of this proxy; addresses are looked up in it'),
    clusterId: text('CLUSTER_ID', 'Kubernetes', 'cluster of this proxy'),
    clusterDomain: text('CLUSTER_DOMAIN', 'cluster.local', 'DNS domain of the cluster'),
    trustDomain: text('TRUST_DOMAIN', 'cluster.local', 'trust domain of the own identities'),
    trustDomainAliases: list(
      'TRUST_DOMAIN_ALIASES',
      'further trust domains that peers may come from, separated by commas',
    ),
    xdsAddress: text('XDS_ADDRESS', 'https://istiod.istio-system.svc:15012', 'controller; empty: none'),
    xdsRootCa: text('XDS_ROOT_CA', './var/run/secrets/istio/root-cert.pem', 'roots of the controller: a file or PEM'),
    xdsHostname: text('ALT_XDS_HOSTNAME', '', 'name to verify the controller by; empty: that of XDS_ADDRESS'),
    caAddress: text('CA_ADDRESS', 'https://istiod.istio-system.svc:15012', 'certificate authority'),
    caRootCa: text('CA_ROOT_CA', './var/run/secrets/istio/root-cert.pem', 'roots of the authority: a file or PEM'),
    caHostname: text('ALT_CA_HOSTNAME', '', 'name to verify the authority by; empty: that of CA_ADDRESS'),
    authToken: text('AUTH_TOKEN', './var/run/secrets/tokens/istio-token', 'file with the service account token'),
    secretTtl: duration('SECRET_TTL', 86_400_000, 'lifetime to ask for in certificate requests'),
  };
}

/** A variable that holds PEM, the word SYSTEM (the roots of the machine), or the path of a file. */
export function pemSource(
  value: string,
): { readonly file: string } | { readonly pem: string } | { readonly system: true } {
  if (value === 'SYSTEM') return { system: true };
  return value.includes('-----BEGIN') ? { pem: value } : { file: value };
}

function list(name: string, about: string): Variable<readonly string[]> {
  return {
    name,
    about,
    fallback: [],
    parse: (value) =>
      value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item.length > 0),
  };
}

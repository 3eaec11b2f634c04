import { join } from 'node:path';
import { CONTROL_ADDRESS, NODE_PREFIX_LENGTH, type NodePlan, SERVICE_CIDR } from './address-plan.ts';

/** A program of the cluster. Its log is `log/NAME.log`, of a node's `log/NAME-NODE.log`. */
export interface Program {
  readonly name: string;
  readonly argv: readonly string[];
}

/**
 * Lets the bridge between the nodes, and the routes, come into being. Service addresses (of webhooks, or for a test that
 * runs beside the control plane) are translated by the first node's kube-proxy.
 */
export function controlNetwork(nodes: readonly NodePlan[]): string {
  const [first] = nodes;
  return [
    'set -e',
    'mount -t proc proc /proc',
    'ip link set lo up',
    'ip link add br0 type bridge',
    `ip addr add ${CONTROL_ADDRESS}/${NODE_PREFIX_LENGTH} dev br0`,
    'ip link set br0 up',
    'echo 1 >/proc/sys/net/ipv4/ip_forward',
    ...nodes.map(({ address, podCidr }) => `ip route add ${podCidr} via ${address}`),
    ...(first === undefined ? [] : [`ip route add ${SERVICE_CIDR} via ${first.address}`]),
  ].join('\n');
}

export function controlPrograms(state: string): Program[] {
  return [...storeAndApiServer(state), ...controllersAndScheduler(state)];
}

/** The first two; the others need the API server's answer. */
export function storeAndApiServer(state: string): Program[] {
  const pki = (name: string): string => join(state, 'pki', name);
  return [
    // Nothing is kept beyond the life of the cluster, so nothing is synced to the disk.
    { name: 'etcd', argv: ['etcd', '--data-dir', join(state, 'etcd'), '--unsafe-no-fsync', '--log-level', 'warn'] },
    {
      name: 'kube-apiserver',
      argv: [
        'kube-apiserver',
        '--etcd-servers=http://127.0.0.1:2379',
        `--bind-address=${CONTROL_ADDRESS}`,
        `--advertise-address=${CONTROL_ADDRESS}`,
        `--service-cluster-ip-range=${SERVICE_CIDR}`,
        `--tls-cert-file=${pki('apiserver.crt')}`,
        `--tls-private-key-file=${pki('apiserver.key')}`,
        `--client-ca-file=${pki('ca.crt')}`,
        `--kubelet-client-certificate=${pki('kubelet-client.crt')}`,
        `--kubelet-client-key=${pki('kubelet-client.key')}`,
        `--kubelet-certificate-authority=${pki('ca.crt')}`,
        // No DNS here knows the names of nodes.
        '--kubelet-preferred-address-types=InternalIP',
        `--requestheader-client-ca-file=${pki('ca.crt')}`,
        '--requestheader-allowed-names=front-proxy',
        '--requestheader-username-headers=X-Remote-User',
        '--requestheader-group-headers=X-Remote-Group',
        '--requestheader-extra-headers-prefix=X-Remote-Extra-',
        `--proxy-client-cert-file=${pki('front-proxy.crt')}`,
        `--proxy-client-key-file=${pki('front-proxy.key')}`,
        '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
        `--service-account-key-file=${pki('sa.pub')}`,
        `--service-account-signing-key-file=${pki('sa.key')}`,
        '--authorization-mode=Node,RBAC',
        '--enable-admission-plugins=NodeRestriction',
        '--allow-privileged',
      ],
    },
  ];
}

export function controllersAndScheduler(state: string): Program[] {
  const pki = (name: string): string => join(state, 'pki', name);
  const identity = (kubeconfig: string): string[] => [
    `--kubeconfig=${pki(kubeconfig)}`,
    `--authentication-kubeconfig=${pki(kubeconfig)}`,
    `--authorization-kubeconfig=${pki(kubeconfig)}`,
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
  ];
  return [
    {
      name: 'kube-controller-manager',
      argv: [
        'kube-controller-manager',
        ...identity('controllers.conf'),
        '--use-service-account-credentials',
        `--root-ca-file=${pki('ca.crt')}`,
        `--service-account-private-key-file=${pki('sa.key')}`,
        `--cluster-signing-cert-file=${pki('ca.crt')}`,
        `--cluster-signing-key-file=${pki('ca.key')}`,
      ],
    },
    { name: 'kube-scheduler', argv: ['kube-scheduler', ...identity('scheduler.conf')] },
  ];
}

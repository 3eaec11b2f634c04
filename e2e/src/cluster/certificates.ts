import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { API_SERVER, API_SERVICE_ADDRESS, CONTROL_ADDRESS, type NodePlan } from './address-plan.ts';
import { type CommandOptions, mustRun } from './command.ts';

/** One component's certificate, for both ends of a connection. */
interface Leaf {
  /** Name of its files: `NAME.crt`, `NAME.key`. */
  readonly name: string;
  readonly subject: string;
  /** As openssl writes them, e.g. `DNS:localhost,IP:127.0.0.1`. */
  readonly alternativeNames?: string;
  /** True when it gets a kubeconfig, `NAME.conf`. */
  readonly kubeconfig?: boolean;
}

const API_NAMES = [
  ...[
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
    'localhost',
  ].map((name) => `DNS:${name}`),
  ...['127.0.0.1', CONTROL_ADDRESS, API_SERVICE_ADDRESS].map((address) => `IP:${address}`),
].join(',');

function leaves(nodes: readonly NodePlan[]): Leaf[] {
  return [
    { name: 'apiserver', subject: '/CN=kube-apiserver', alternativeNames: API_NAMES },
    { name: 'kubelet-client', subject: '/O=system:masters/CN=kube-apiserver-kubelet-client' },
    { name: 'front-proxy', subject: '/CN=front-proxy' },
    { name: 'admin', subject: '/O=system:masters/CN=admin', kubeconfig: true },
    { name: 'controllers', subject: '/CN=system:kube-controller-manager', kubeconfig: true },
    { name: 'scheduler', subject: '/CN=system:kube-scheduler', kubeconfig: true },
    { name: 'proxy', subject: '/CN=system:kube-proxy', kubeconfig: true },
    ...nodes.map(({ name, address }) => ({
      name: `node-${name}`,
      subject: `/O=system:nodes/CN=system:node:${name}`,
      alternativeNames: `DNS:${name},IP:${address}`,
      kubeconfig: true,
    })),
  ];
}

/** Nothing of the machine's own openssl.cnf. */
const OPENSSL_CONFIG = '[req]\ndistinguished_name = subject\n[subject]\n';

/** Makes an authority, the certificates and kubeconfigs of all components and the service account key in `folder`. */
export async function makeCertificates(
  folder: string,
  nodes: readonly NodePlan[],
  options: CommandOptions,
): Promise<void> {
  const openssl = (...words: string[]): Promise<string> =>
    mustRun(['openssl', ...words], { ...options, directory: folder });
  writeFileSync(join(folder, 'openssl.cnf'), OPENSSL_CONFIG);
  const issue = (
    name: string,
    subject: string,
    extensions: readonly string[],
    signer: readonly string[],
  ): Promise<string> =>
    openssl(
      ...['req', '-x509', '-config', 'openssl.cnf', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-days', '3650', '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.crt`, ...signer],
      ...extensions.flatMap((extension) => ['-addext', extension]),
    );
  const serviceAccounts = openssl('genrsa', '-out', 'sa.key', '2048').then(() =>
    openssl('rsa', '-in', 'sa.key', '-pubout', '-out', 'sa.pub'),
  );
  await issue(
    'ca',
    '/CN=kube-ca',
    ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,digitalSignature'],
    [],
  );
  const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key'];
  const issued = leaves(nodes).map(async ({ name, subject, alternativeNames, kubeconfig }) => {
    const names = alternativeNames === undefined ? [] : [`subjectAltName=${alternativeNames}`];
    const extensions = ['basicConstraints=critical,CA:FALSE', 'extendedKeyUsage=clientAuth,serverAuth', ...names];
    await issue(name, subject, extensions, signer);
    if (kubeconfig === true) writeFileSync(join(folder, `${name}.conf`), kubeconfigOf(folder, name), { mode: 0o600 });
  });
  await Promise.all([...issued, serviceAccounts]);
}

function kubeconfigOf(folder: string, name: string): string {
  const file = (ending: string, base = name): string => JSON.stringify(join(folder, `${base}.${ending}`));
  return `apiVersion: v1
kind: Config
clusters: [{name: ambit, cluster: {server: "${API_SERVER}", certificate-authority: ${file('crt', 'ca')}}}]
users: [{name: ${name}, user: {client-certificate: ${file('crt')}, client-key: ${file('key')}}}]
contexts: [{name: ambit, context: {cluster: ambit, user: ${name}}}]
current-context: ambit
`;
}

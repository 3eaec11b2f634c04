import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import type { Bed } from '@ambit/local/bed/bed';
import { CONTROLLER_PORT, Controller } from '@ambit/local/bed/controller';
import type { BedPod } from '@ambit/local/bed/pod';
import { TokenFile, TokenIssuer } from '@ambit/local/bed/tokens';
import { nodeProgram, pinned } from '../run/programs.ts';
import { podObjects } from './mesh-objects.ts';

const ADDRESS = `https://istiod.istio-system.svc:${CONTROLLER_PORT}`;

/** The controller of the mesh and what its members need to talk to it. */
export class MeshControl {
  readonly #folder: string;
  readonly #manifests: string;
  readonly #controller: Controller;
  readonly #issuer = new TokenIssuer(systemClock);
  readonly #tokens: TokenFile[] = [];
  readonly #cpu: number;

  constructor(bed: Bed, folder: string, cpu: number) {
    this.#folder = folder;
    this.#cpu = cpu;
    this.#manifests = join(folder, 'manifests');
    mkdirSync(this.#manifests, { recursive: true });
    this.#controller = new Controller({
      namespace: bed.fabric.namespace,
      directory: folder,
      logs: bed.logs,
      configDirectories: [this.#manifests],
      issuer: this.#issuer,
      clock: systemClock,
    });
  }

  /** The controller's process, to be pinned. */
  get pid(): number | undefined {
    return this.#controller.process?.pid;
  }

  /** Starts the controller with these pods, and `objects` beside them. */
  async start(pods: readonly BedPod[], objects: object | undefined): Promise<void> {
    writeFileSync(join(this.#manifests, 'pods.json'), JSON.stringify(podObjects(pods)));
    if (objects !== undefined) writeFileSync(join(this.#manifests, 'routes.json'), JSON.stringify(objects));
    await this.#controller.start();
  }

  /** What tells a proxy in a pod who it is and where the controller is. */
  environment(pod: BedPod): Record<string, string> {
    const token = join(this.#folder, `${pod.name}.token`);
    const { name, namespace, serviceAccount, uid, node } = pod;
    const subject = { namespace, serviceAccount, pod: { name, uid }, node };
    this.#tokens.push(new TokenFile(token, this.#issuer, subject, systemClock));
    return {
      XDS_ADDRESS: ADDRESS,
      CA_ADDRESS: ADDRESS,
      XDS_ROOT_CA: this.#controller.rootCertificates,
      CA_ROOT_CA: this.#controller.rootCertificates,
      AUTH_TOKEN: token,
      NODE_NAME: node,
      POD_NAME: name,
      POD_NAMESPACE: namespace,
      SERVICE_ACCOUNT: serviceAccount,
      INSTANCE_IP: pod.ip,
      CLUSTER_ID: 'Kubernetes',
      // The pods have IPv4 addresses alone.
      IPV6_ENABLED: 'false',
    };
  }

  /** Folder with cert.pem, key.pem and root.pem of a pod. Throws `AMBIT_BENCH_STAND`. */
  async certificate(pod: BedPod): Promise<string> {
    const folder = join(this.#folder, `certificate-${pod.name}`);
    const command = pinned(
      this.#cpu,
      nodeProgram('../l7/fetch-certificate'),
      folder,
      pod.namespace,
      pod.serviceAccount,
    );
    const { code, stderr } = await pod.run(command, { environment: this.environment(pod) });
    if (code !== 0) throw new AmbitError('AMBIT_BENCH_STAND', `no certificate for ${pod.key}: ${stderr.trim()}`);
    return folder;
  }

  async stop(): Promise<void> {
    for (const token of this.#tokens.splice(0)) token.close();
    await this.#controller.stop();
  }
}

import { join } from 'node:path';
import type { IpAddress } from '@ambit/core/address';
import type { Clock, Timer } from '@ambit/core/clock';
import type { Pod } from '@ambit/translation/objects';
import type { NodeName } from './address-plan.ts';
import { CONTROLLER_PORT } from './controller.ts';
import { RESTART_FIRST_MS, RESTART_LONGEST_MS } from './limits.ts';
import type { PodLink } from './pod-link.ts';
import { observedPod } from './pod-status.ts';
import { type Exit, NamespacedProcess, type ProcessPlace } from './process.ts';
import { programPath } from './programs.ts';
import { becomeReady } from './ready.ts';
import { requestInside } from './request-inside.ts';
import { TokenFile, type TokenIssuer } from './tokens.ts';

/** Which ztunnel a node runs: ours, or another binary that takes the same environment (the stock one). */
export type ProxyProgram = { readonly kind: 'ambit' } | { readonly kind: 'binary'; readonly path: string };

export const PROXY_NAMESPACE: string = 'istio-system';
export const PROXY_SERVICE_ACCOUNT: string = 'ztunnel';
const ADMIN_PORT = 15000;
const METRICS_PORT = 15020;
const READINESS_PORT = 15021;

export interface ProxyOptions {
  readonly program: ProxyProgram;
  readonly name: string;
  readonly uid: string;
  readonly node: NodeName;
  readonly link: PodLink;
  /** Path of the node agent's socket. */
  readonly zdsSocket: string;
  /** File with the controller's root certificates. */
  readonly rootCertificates: string;
  /** Folder for its token. */
  readonly directory: string;
  readonly logs: string;
  readonly files: Readonly<Record<string, string>>;
  readonly issuer: TokenIssuer;
  readonly clock: Clock;
  /** Added to what every proxy gets. */
  readonly environment?: Readonly<Record<string, string>>;
  /** It was started again after it had ended by itself. */
  readonly onRestart: (exit: Exit) => void;
}

/**
 * A ztunnel: a pod of the node with a network namespace of its own, as in a cluster, so that two of them can stand side by
 * side during an upgrade. When its process ends by itself it is started again.
 */
export class Proxy {
  readonly name: string;
  readonly uid: string;
  readonly ip: IpAddress;
  /** Descriptor of its network namespace, where its admin, metrics and readiness listeners are. */
  readonly networkNamespace: number;
  readonly #options: ProxyOptions;
  readonly #token: TokenFile;
  readonly #startedAt: string;
  #process: NamespacedProcess | undefined;
  #pause: number = RESTART_FIRST_MS;
  #restart: Timer | undefined;
  #ending = false;

  constructor(options: ProxyOptions) {
    const { name, uid, link, node, issuer, clock } = options;
    this.#options = options;
    this.name = name;
    this.uid = uid;
    this.ip = link.ip;
    this.networkNamespace = link.namespace;
    this.#startedAt = new Date(clock.wallTime()).toISOString();
    const subject = { namespace: PROXY_NAMESPACE, serviceAccount: PROXY_SERVICE_ACCOUNT, pod: { name, uid }, node };
    this.#token = new TokenFile(join(options.directory, `${name}.token`), issuer, subject, clock);
  }

  /** The process that was started: of ours, the keeper. Undefined before `start`. */
  get process(): NamespacedProcess | undefined {
    return this.#process;
  }

  /** Starts it and resolves when it says that it is ready. */
  start(): Promise<void> {
    this.#process ??= this.#run();
    return becomeReady(this.name, this.#process, this.#options.clock, () =>
      this.#request(READINESS_PORT, '/healthz/ready'),
    );
  }

  metrics(): Promise<string> {
    return this.#request(METRICS_PORT, '/metrics');
  }

  /** A request to the admin listener, e.g. `/config_dump`. */
  admin(path: string, method: 'GET' | 'POST' = 'GET'): Promise<string> {
    return this.#request(ADMIN_PORT, path, method);
  }

  /** Tells it to end and waits until it has drained and ended, at most `grace` milliseconds. Idempotent. */
  async stop(grace: number): Promise<void> {
    this.#ending = true;
    this.#restart?.cancel();
    this.#token.close();
    await this.#process?.stop(grace);
    this.#options.link.close();
  }

  /** The Pod as the controller is told of it: it issues certificates only to a proxy whose pod it knows. */
  get object(): Pod {
    const wanted: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: this.name, namespace: PROXY_NAMESPACE, labels: { app: 'ztunnel' } },
      spec: { serviceAccountName: PROXY_SERVICE_ACCOUNT, containers: [{ name: 'istio-proxy', image: 'ztunnel' }] },
    };
    const { node } = this.#options;
    return observedPod(wanted, {
      ...{ uid: this.uid, node, ip: this.ip, phase: 'Running', ready: true, captured: false },
      ...{ startedAt: this.#startedAt, deletedAt: undefined },
    });
  }

  #request(port: number, path: string, method: 'GET' | 'POST' = 'GET'): Promise<string> {
    return requestInside(this.networkNamespace, { ip: '127.0.0.1', port }, path, method);
  }

  #run(): NamespacedProcess {
    const { program, link, logs, files, clock, onRestart } = this.#options;
    const command = program.kind === 'ambit' ? [process.execPath, programPath('ztunnel')] : [program.path];
    const place: ProcessPlace = { namespace: link.namespace, hostname: this.name, files };
    const started = new NamespacedProcess(
      place,
      { command, environment: this.#environment() },
      join(logs, `${this.name}.log`),
      clock,
    );
    const startedAt = clock.now();
    void started.exited.then((exit) => {
      if (this.#ending) return;
      if (clock.now() - startedAt > RESTART_LONGEST_MS) this.#pause = RESTART_FIRST_MS;
      this.#restart = clock.setTimeout(() => {
        this.#process = this.#run();
        onRestart(exit);
      }, this.#pause);
      this.#pause = Math.min(this.#pause * 2, RESTART_LONGEST_MS);
    });
    return started;
  }

  #environment(): Record<string, string> {
    const { name, node, zdsSocket, rootCertificates, directory, environment } = this.#options;
    const controller = `https://istiod.${PROXY_NAMESPACE}.svc:${CONTROLLER_PORT}`;
    return {
      INPOD_UDS: zdsSocket,
      XDS_ADDRESS: controller,
      CA_ADDRESS: controller,
      XDS_ROOT_CA: rootCertificates,
      CA_ROOT_CA: rootCertificates,
      AUTH_TOKEN: join(directory, `${name}.token`),
      NODE_NAME: node,
      POD_NAME: name,
      POD_NAMESPACE: PROXY_NAMESPACE,
      SERVICE_ACCOUNT: PROXY_SERVICE_ACCOUNT,
      INSTANCE_IP: this.ip,
      CLUSTER_ID: 'Kubernetes',
      RUST_LOG: 'info',
      // The pods have IPv4 addresses alone.
      IPV6_ENABLED: 'false',
      ...environment,
    };
  }
}

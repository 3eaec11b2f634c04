import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@ambit/core/clock';
import { FABRIC_IP } from './address-plan.ts';
import { CLOSE_GRACE_MS } from './limits.ts';
import { NamespacedProcess, type ProcessPlace } from './process.ts';
import { programPath } from './programs.ts';
import { becomeReady } from './ready.ts';
import { requestInside } from './request-inside.ts';
import type { TokenIssuer } from './tokens.ts';

/** TLS port for discovery and certificates. */
export const CONTROLLER_PORT: number = 15012;
/** Plain HTTP, on loopback in the fabric's namespace. */
export const CONTROLLER_STATUS_PORT: number = 15014;

export interface ControllerOptions {
  /** Descriptor of the network namespace. */
  readonly namespace: number;
  /** Folder for its files and state. */
  readonly directory: string;
  readonly logs: string;
  /** Folders with what it reads. */
  readonly configDirectories: readonly string[];
  readonly issuer: TokenIssuer;
  readonly clock: Clock;
  readonly environment?: Readonly<Record<string, string>>;
}

/** istiod-lite as a process; it may be killed and started again. */
export class Controller {
  readonly rootCertificates: string;
  readonly #options: ControllerOptions;
  readonly #tokenKey: string;
  #process: NamespacedProcess | undefined;

  constructor(options: ControllerOptions) {
    this.#options = options;
    // A folder of its own: proxies watch it, and the stock one connects anew when anything in it changes.
    const roots = join(options.directory, 'roots');
    mkdirSync(roots, { recursive: true });
    this.rootCertificates = join(roots, 'root-cert.pem');
    this.#tokenKey = join(options.directory, 'token-key.pem');
    writeFileSync(this.#tokenKey, options.issuer.publicKeyPem);
  }

  get process(): NamespacedProcess | undefined {
    return this.#process;
  }

  /** Starts it and resolves when it serves. Its root key and what it last knew survive from one start to the next. */
  async start(): Promise<void> {
    const { namespace, directory, logs, configDirectories, clock, environment } = this.#options;
    const place: ProcessPlace = { namespace, hostname: 'istiod', files: {} };
    const parameters: [string, string][] = [
      ...configDirectories.map((folder): [string, string] => ['--config-dir', folder]),
      ['--token-key', this.#tokenKey],
      ['--root-cert-out', this.rootCertificates],
      ['--state-dir', join(directory, 'istiod-state')],
      ['--listen', `${FABRIC_IP}:${CONTROLLER_PORT}`],
      ['--status-listen', `127.0.0.1:${CONTROLLER_STATUS_PORT}`],
      ['--server-names', [FABRIC_IP, 'istiod.istio-system.svc.cluster.local', 'istiod.istio-system'].join(',')],
    ];
    const command = [process.execPath, programPath('istiod-lite'), ...parameters.flat()];
    const started = new NamespacedProcess(
      place,
      { command, ...(environment && { environment }) },
      join(logs, 'istiod-lite.log'),
      clock,
    );
    this.#process = started;
    await becomeReady('istiod-lite', started, clock, () => this.status('/ready'));
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    this.#process?.kill();
    await this.#process?.exited;
  }

  async stop(): Promise<void> {
    await this.#process?.stop(CLOSE_GRACE_MS);
  }

  /** The answer of its status listener: `/ready`, `/metrics`, `/debug/resources`, `/debug/problems`, `/debug/clients`. */
  status(path: string): Promise<string> {
    return requestInside(this.#options.namespace, { ip: '127.0.0.1', port: CONTROLLER_STATUS_PORT }, path);
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestSigner, testSigner } from './ca/test-tokens.ts';

/** The name by which clients know the server, wherever it listens. */
export const SERVER_NAME = 'istiod.istio-system.svc';

/** The real program, on ports that the system chooses: on a directory of its own, or on what options say. */
export class TestController {
  readonly root: string;
  readonly signer: TestSigner = testSigner();
  /** Every line the program has logged since it was started last. */
  lines: Record<string, unknown>[] = [];
  #child: ChildProcess | undefined;
  #addresses: { address: string; status: string; webhook: string } | undefined;

  readonly #source: readonly string[];

  private constructor(root: string, source: readonly string[]) {
    this.root = root;
    this.#source = source;
  }

  /** `source`: options in place of those that name a directory, by the folder of this controller. */
  static async create(source?: (root: string) => readonly string[]): Promise<TestController> {
    const root = await mkdtemp(join(tmpdir(), 'controller-'));
    const directory = [
      ...['--config-dir', join(root, 'manifests'), '--token-key', join(root, 'token-key.pem')],
      ...['--state-dir', join(root, 'state'), '--root-cert-out', join(root, 'roots.pem')],
    ];
    const controller = new TestController(root, source?.(root) ?? directory);
    await mkdir(join(controller.root, 'manifests'));
    await writeFile(join(controller.root, 'token-key.pem'), controller.signer.publicKeyPem);
    return controller;
  }

  /** `https://127.0.0.1:port` of ADS and CA. */
  get address(): string {
    return `https://${this.#addresses?.address ?? ''}`;
  }

  /** `https://127.0.0.1:port` of the admission webhook, where it is switched on. */
  get webhook(): string {
    return `https://${this.#addresses?.webhook ?? ''}`;
  }

  get rootsFile(): string {
    return join(this.root, 'roots.pem');
  }

  roots(): Promise<string> {
    return readFile(this.rootsFile, 'utf8');
  }

  /** Starts the program, on the address it had before when it was started before, and waits until it serves. */
  async start(...further: string[]): Promise<void> {
    await this.launch(...further);
  }

  /** The same without waiting: what is returned resolves when it serves. */
  launch(...further: string[]): Promise<void> {
    this.lines = [];
    const child = spawn(
      process.execPath,
      [
        '--conditions=development',
        join(import.meta.dirname, 'main.ts'),
        ...[...this.#source, '--server-names', '127.0.0.1'],
        ...['--listen', this.#addresses?.address ?? '127.0.0.1:0', '--status-listen', '127.0.0.1:0', ...further],
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    this.#child = child;
    return new Promise<void>((resolve, reject) => {
      child.once('exit', (code) =>
        reject(new Error(`the controller ended with ${code}: ${JSON.stringify(this.lines)}`)),
      );
      createInterface({ input: child.stdout }).on('line', (line) => {
        const record = JSON.parse(line) as Record<string, unknown>;
        this.lines.push(record);
        if (record['msg'] !== 'serving') return;
        const [address, status, webhook] = ['address', 'status', 'webhook'].map((name) => String(record[name]));
        this.#addresses = { address: address ?? '', status: status ?? '', webhook: webhook ?? '' };
        resolve();
      });
    });
  }

  /** Ends the program by SIGTERM and gives its exit code. */
  async stop(): Promise<number | null> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return 0;
    const exited = once(child, 'exit') as Promise<[number | null]>;
    child.kill('SIGTERM');
    const [code] = await exited;
    return code;
  }

  async destroy(): Promise<void> {
    await this.stop();
    await rm(this.root, { recursive: true });
  }

  /** Writes a manifest file by atomic rename. */
  async put(name: string, text: string): Promise<void> {
    const path = join(this.root, 'manifests', name);
    await writeFile(join(this.root, 'manifests', `.${name}.tmp`), text);
    await rename(join(this.root, 'manifests', `.${name}.tmp`), path);
  }

  remove(name: string): Promise<void> {
    return rm(join(this.root, 'manifests', name));
  }

  /** Writes a token file and gives its path. */
  async token(claims: Record<string, unknown> = {}): Promise<string> {
    const path = join(this.root, 'token');
    await writeFile(path, this.signer.token({ claims }));
    return path;
  }

  async page(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`http://${this.#addresses?.status ?? ''}${path}`);
    return { status: response.status, text: await response.text() };
  }

  /** Waits for a logged line whose message or reason contains a text. */
  async logged(text: string): Promise<Record<string, unknown>> {
    return await eventually(
      () => this.lines.find((line) => JSON.stringify(line).includes(text)),
      `a line with ${text}`,
    );
  }
}

/** Asks until something comes; fails after 15 seconds. */
export async function eventually<T>(ask: () => T | undefined, what: string): Promise<T> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const value = ask();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resume) => setTimeout(resume, 5));
  }
}

/** A running pod as an observation. */
export function podManifest(
  name: string,
  facts: {
    namespace?: string;
    account?: string;
    node?: string;
    ip?: string;
    labels?: Readonly<Record<string, string>>;
    ready?: boolean;
  } = {},
): string {
  const { namespace = 'shop', account = 'cart', node = 'a', ip = '10.0.0.1', labels = {}, ready = true } = facts;
  return `${JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid: `uid-${name}`,
      labels: { app: account, ...labels },
      annotations: { 'ambient.istio.io/redirection': 'enabled' },
    },
    spec: { nodeName: node, serviceAccountName: account, containers: [{ name: 'c', image: 'c' }] },
    status: { phase: 'Running', podIP: ip, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  })}\n---\n`;
}

/** Node a's ztunnel, whose token `ztunnelClaims` describes. */
export const ZTUNNEL_POD: string = podManifest('ztunnel-a', {
  namespace: 'istio-system',
  account: 'ztunnel',
  ip: '10.0.0.2',
});

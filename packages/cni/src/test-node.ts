/** A node for tests: real network namespaces, a make-believe proc tree that names them, and the agent as a process of its own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from '@ambit/core/clock';
import { runTool } from '@ambit/capture/tools';
import { close } from '@ambit/native/descriptor';
import { openTcpListener } from '@ambit/native/listening-socket';
import { createNetworkNamespace, inNamespace } from '@ambit/native/namespace';
import { ZdsClient } from '@ambit/zds/client';
import { TestApi } from './test-api.ts';

export const PLUGIN_SOURCE: string = join(import.meta.dirname, '../plugin');

/** Builds the plugin as it is shipped. */
export async function buildPlugin(path: string): Promise<void> {
  const parameters = ['build', '-trimpath', '-ldflags=-s -w -buildid=', '-o', path, '.'];
  await new Promise<void>((resolve, reject) => {
    const environment = { ...process.env, CGO_ENABLED: '0' };
    execFile('go', parameters, { cwd: PLUGIN_SOURCE, env: environment }, (error, _stdout, stderr) => {
      if (error === null) resolve();
      else reject(new Error(`go build: ${error.message} ${stderr}`));
    });
  });
}

/** Waits for a condition that becomes true soon. */
export async function until(what: string, condition: () => unknown, within = 10_000): Promise<void> {
  const end = performance.now() + within;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${within} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export interface TestPod {
  readonly name: string;
  readonly uid: string;
  readonly ip: string;
  /** Descriptor of the network namespace. */
  readonly namespace: number;
  /** As the container runtime names the namespace. */
  readonly netns: string;
}

export interface PluginRun {
  readonly status: number;
  readonly stdout: string;
  readonly milliseconds: number;
}

export class TestNode {
  readonly api: TestApi = new TestApi();
  readonly directory: string = mkdtempSync(join(tmpdir(), 'node-'));
  readonly configs: string = join(this.directory, 'net.d');
  readonly plugin: string;
  #pods = 0;
  #agent: { process: ChildProcess; log: () => string } | undefined;
  readonly #namespaces: number[] = [];

  constructor(plugin: string) {
    this.plugin = plugin;
    for (const name of ['net.d', 'bin', 'run', 'netns', 'proc/1/ns', 'zds'])
      mkdirSync(join(this.directory, name), { recursive: true });
    symlinkSync('/proc/1/ns/net', join(this.directory, 'proc/1/ns/net'));
    symlinkSync('/proc/sys', join(this.directory, 'proc/sys'));
    writeFileSync(join(this.configs, '10-net.conflist'), NETWORK);
    runTool('ip', ['link', 'set', 'lo', 'up'], { purpose: 'test' });
  }

  get zdsSocket(): string {
    return join(this.directory, 'zds/ztunnel.sock');
  }

  get log(): string {
    return this.#agent?.log() ?? '';
  }

  async start(): Promise<void> {
    await this.api.start();
    this.api.put('DaemonSet', { name: 'istio-cni-node', namespace: 'istio-system' });
    this.api.put('Namespace', { name: 'shop', labels: { 'istio.io/dataplane-mode': 'ambient' } });
    this.api.put('Namespace', { name: 'plain' });
    this.api.put('Pod', { name: 'istio-cni-node-x', namespace: 'istio-system' });
  }

  /** Starts the agent. Resolves when it is ready, unless told not to wait. */
  async startAgent(environment: Record<string, string> = {}, wait = true): Promise<void> {
    const kubeconfig = join(this.directory, 'kubeconfig');
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'c',
        clusters: [{ name: 'c', cluster: { server: this.api.url } }],
        users: [{ name: 'u', user: {} }],
        contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      }),
    );
    const child = spawn(process.execPath, ['--conditions=development', join(import.meta.dirname, 'main.ts')], {
      env: {
        PATH: process.env.PATH,
        KUBECONFIG: kubeconfig,
        NODE_NAME: 'a',
        POD_NAME: 'istio-cni-node-x',
        POD_NAMESPACE: 'istio-system',
        CNI_BIN_DIR: join(this.directory, 'bin'),
        CNI_CONF_DIR: this.configs,
        HOST_PROC: join(this.directory, 'proc'),
        HOST_NETNS: join(this.directory, 'netns'),
        AGENT_RUN_DIR: join(this.directory, 'run'),
        ZTUNNEL_SOCKET: this.zdsSocket,
        CNI_PLUGIN: this.plugin,
        READINESS_PORT: '8000',
        METRICS_PORT: '15014',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let log = '';
    child.stdout.on('data', (text: Buffer) => (log += text.toString()));
    child.stderr.on('data', (text: Buffer) => (log += text.toString()));
    this.#agent = { process: child, log: () => log };
    if (!wait) return;
    await until('the agent serves', () => {
      if (child.exitCode !== null) throw new Error(`the agent ended: ${log}`);
      return log.includes('"msg":"serving"');
    });
  }

  async stopAgent(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#agent?.process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** A namespace as the CNI plugins before ours leave it, joined to the node, and a Pod without an address. */
  sandbox(name: string, namespace = 'shop', metadata: Record<string, unknown> = {}): TestPod {
    this.#pods += 1;
    const number = this.#pods;
    const ip = `10.50.0.${number + 1}`;
    const fd = createNetworkNamespace();
    this.#namespaces.push(fd);
    const link = `p${number}`;
    const lines = [
      `link add ${link} type veth peer name eth0 netns /proc/${process.pid}/fd/${fd}`,
      `link set ${link} up`,
      `addr add 10.50.0.1/32 dev ${link}`,
    ];
    runTool('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n`, purpose: 'test' });
    inNamespace(fd, () =>
      runTool('ip', ['-batch', '-'], {
        input: `link set lo up\nlink set eth0 up\naddr add ${ip}/32 dev eth0\nroute add 10.50.0.1 dev eth0\nroute add default via 10.50.0.1\n`,
        purpose: 'test',
      }),
    );
    runTool('ip', ['route', 'replace', `${ip}/32`, 'dev', link], { purpose: 'test' });
    const file = join(this.directory, 'netns', `cni-${number}`);
    writeFileSync(file, '');
    runTool('mount', ['--bind', `/proc/${process.pid}/fd/${fd}`, file], { purpose: 'test' });
    const uid = `00000000-0000-0000-0000-${String(number).padStart(12, '0')}`;
    this.api.put(
      'Pod',
      { name, namespace, uid, ...metadata },
      { spec: { nodeName: 'a' }, status: { phase: 'Pending' } },
    );
    return { name, uid, ip, namespace: fd, netns: `/var/run/netns/cni-${number}` };
  }

  /** The link by which the make-believe process of a pod names its namespace. */
  processLink(pod: TestPod): string {
    return join(this.directory, 'proc', `1${pod.uid.slice(-3)}`, 'ns/net');
  }

  /** Has a process of the pod run, and the API server know its address. */
  run(pod: TestPod, namespace = 'shop'): void {
    const link = this.processLink(pod);
    mkdirSync(dirname(link), { recursive: true });
    writeFileSync(join(dirname(link), '../cgroup'), `0::/kubepods/burstable/pod${pod.uid}/abc\n`);
    symlinkSync(`/proc/${process.pid}/fd/${pod.namespace}`, link);
    const podIPs = [{ ip: pod.ip }];
    this.api.put('Pod', { name: pod.name, namespace }, { status: { phase: 'Running', podIP: pod.ip, podIPs } });
  }

  /** Runs the plugin as the container runtime does. */
  async cni(command: string, pod: TestPod, namespace = 'shop'): Promise<PluginRun> {
    const list = JSON.parse(readFileSync(join(this.configs, '10-net.conflist'), 'utf8')) as {
      cniVersion: string;
      name: string;
      plugins: Record<string, unknown>[];
    };
    const own = list.plugins.find(({ type }) => type === 'ambit-cni') ?? {
      type: 'ambit-cni',
      cni_agent_run_dir: join(this.directory, 'run'),
    };
    const prevResult = {
      cniVersion: '1.0.0',
      interfaces: [{ name: 'eth0', sandbox: pod.netns }],
      ips: [{ interface: 0, address: `${pod.ip}/32` }],
    };
    const since = performance.now();
    const child = spawn(this.plugin, {
      env: {
        CNI_COMMAND: command,
        CNI_CONTAINERID: 'abc',
        CNI_IFNAME: 'eth0',
        CNI_NETNS: pod.netns,
        CNI_PATH: join(this.directory, 'bin'),
        CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${pod.name};K8S_POD_UID=${pod.uid}`,
      },
    });
    child.stdin.end(JSON.stringify({ ...own, cniVersion: list.cniVersion, name: list.name, prevResult }));
    let stdout = '';
    child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
    const status = await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 1)));
    return { status, stdout, milliseconds: performance.now() - since };
  }

  rules(namespace?: number): string {
    const look = (): string => runTool('nft', ['list', 'ruleset'], { purpose: 'test' });
    return namespace === undefined ? look() : inNamespace(namespace, look);
  }

  async close(): Promise<void> {
    await this.stopAgent('SIGKILL');
    await this.api.stop();
    for (let number = 1; number <= this.#pods; number++) {
      runTool('umount', [join(this.directory, 'netns', `cni-${number}`)], { purpose: 'test' });
      runTool('ip', ['link', 'del', `p${number}`], { purpose: 'test', harmless: /Cannot find device/ });
    }
    this.#namespaces.forEach(close);
    runTool('nft', ['flush', 'ruleset'], { purpose: 'test' });
    rmSync(this.directory, { recursive: true });
  }
}

const NETWORK = JSON.stringify({
  cniVersion: '1.0.0',
  name: 'net',
  further: { kept: true },
  plugins: [
    { type: 'ptp', ipam: { type: 'host-local' } },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
});

/** Stands for ztunnel: serves every pod by listening on the proxy's ports in its namespace. */
export class TestProxy {
  /** `uid name`, in the order of arrival; with a `-` in front when it is let go. */
  readonly notes: string[] = [];
  /** Uid -> listeners in the pod. */
  readonly listeners: Map<string, number[]> = new Map();
  /** Pods to which plaintext is redirected, as far as it was told. */
  readonly redirected: Set<string> = new Set();
  readonly client: ZdsClient;
  /** What is said instead of serving. */
  refusal: string | undefined;

  constructor(path: string) {
    this.client = new ZdsClient({
      path,
      clock: systemClock,
      owner: {
        onAdd: (uid, { name }, namespace) => {
          if (this.refusal !== undefined) return Promise.reject(new Error(this.refusal));
          this.notes.push(`${uid.slice(-2)} ${name}`);
          const ports = [15_001, 15_006, 15_008];
          this.listeners.set(
            uid,
            ports.map((port) => inNamespace(namespace, () => openTcpListener({ address: { ip: '0.0.0.0', port } }))),
          );
          return Promise.resolve();
        },
        onRemove: (uid) => {
          this.notes.push(`-${uid.slice(-2)}`);
          this.deafen(uid);
          return Promise.resolve();
        },
        onPlaintextRedirected: (uid, redirected) => {
          if (redirected) this.redirected.add(uid);
          else this.redirected.delete(uid);
        },
      },
      onState: () => undefined,
      onProblem: () => undefined,
    });
  }

  /** Closes the listeners of a pod. */
  deafen(uid: string): void {
    for (const fd of this.listeners.get(uid) ?? []) close(fd);
    this.listeners.delete(uid);
  }

  async close(): Promise<void> {
    await this.client.close();
    for (const uid of [...this.listeners.keys()]) this.deafen(uid);
  }
}

import { spawn } from 'node:child_process';
import { systemClock } from '@ambit/core/clock';
import {
  type DialOptions,
  type DialResult,
  type LoadOptions,
  type LoadReport,
  SERVER_PORTS,
} from '@ambit/local/check/clients/options';
import type { RequestsOptions, RequestsReport } from '@ambit/local/check/clients/requests-options';
import type { Cluster } from '../cluster/cluster.ts';
import { runCommand } from '../cluster/command.ts';
import { eventually } from '../test-cluster.ts';
import { type CheckProgram, checkCommand } from './check-programs.ts';

/** How much longer than what it runs a command in a pod may take, milliseconds. */
const EXEC_ALLOWANCE = 60_000;

/** What to spawn, and with which variables. */
export type CommandLine = ReturnType<Cluster['commandLine']>;

/** A load that goes on. */
export interface RunningLoad {
  /** What it saw; it ends by itself when its `duration` is over. */
  readonly report: Promise<LoadReport>;
}

/** What the tests of the mesh do to a cluster and in its pods. */
export class Bench {
  readonly cluster: Cluster;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  /** Server-side apply, so that repeating it is harmless. */
  async apply(objects: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    await this.cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], {
      input: JSON.stringify(list),
    });
  }

  async remove(...words: readonly string[]): Promise<void> {
    await this.cluster.kubectl(['delete', '--ignore-not-found', '--timeout=60s', ...words]);
  }

  /** Waits until Deployments of a namespace have rolled out. */
  async rolledOut(namespace: string, ...names: readonly string[]): Promise<void> {
    for (const name of names) {
      await this.cluster.kubectl(['-n', namespace, 'rollout', 'status', `deployment/${name}`, '--timeout=90s']);
    }
  }

  /** `jsonpath` of one object, as text. */
  async read(words: readonly string[], path: string): Promise<string> {
    return await this.cluster.kubectl(['get', ...words, '-o', `jsonpath=${path}`]);
  }

  /** Names of the cluster's nodes. */
  async nodes(): Promise<string[]> {
    return (await this.read(['nodes'], '{.items[*].metadata.name}')).split(' ');
  }

  /** Name of a running pod of a Deployment of the checks. */
  async pod(namespace: string, app: string): Promise<string> {
    const path = '{.items[?(@.status.phase=="Running")].metadata.name}';
    const names = (await this.read(['pods', '-n', namespace, '-l', `app=${app}`], path)).split(' ');
    if (names[0] === undefined || names[0] === '') throw new Error(`no pod of ${namespace}/${app} runs`);
    return names[0];
  }

  dial(namespace: string, app: string, options: DialOptions): Promise<DialResult> {
    return this.#run<DialResult>(namespace, app, 'dial', options, options.timeout);
  }

  /** Waits until a Service leads to a pod: a node's kube-proxy may be a moment behind the API. */
  async reachable(namespace: string, app: string, host: string): Promise<void> {
    const options = { host, port: SERVER_PORTS.greeting, endAfterAnswer: true, timeout: 2_000 };
    await eventually(async () => {
      const { ending } = await this.dial(namespace, app, options);
      if (ending !== 'fin') throw new Error(`${host} cannot be reached from ${namespace}/${app}: ${ending}`);
    });
  }

  requests(namespace: string, app: string, options: RequestsOptions & { duration?: number }): Promise<RequestsReport> {
    return this.#run<RequestsReport>(namespace, app, 'requests', options, options.duration ?? 0);
  }

  /** Resolves when the load runs and the connections that stay are open. */
  async load(namespace: string, app: string, options: LoadOptions & { duration: number }): Promise<RunningLoad> {
    const {
      argv: [file = '', ...words],
      environment,
    } = await this.inPod(namespace, app, checkCommand('load', JSON.stringify(options)));
    const child = spawn(file, words, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = systemClock.setTimeout(() => child.kill('SIGKILL'), options.duration + EXEC_ALLOWANCE);
    let said = '';
    let wrong = '';
    const started = Promise.withResolvers<undefined>();
    const report = new Promise<LoadReport>((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.startsWith('ready\n')) started.resolve(undefined);
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => (wrong += text));
      child.once('error', reject);
      child.once('close', (code) => {
        timer.cancel();
        if (code === 0 && said.startsWith('ready\n')) resolve(JSON.parse(said.slice('ready\n'.length)) as LoadReport);
        else reject(new Error(`the load ended with ${code ?? 'a signal'}: ${wrong.trim()}`));
      });
    });
    // Whoever waits for the start hears of a load that never began.
    report.catch((error: unknown) => started.reject(error));
    await started.promise;
    return { report };
  }

  async #run<T>(namespace: string, app: string, program: CheckProgram, options: object, lasts: number): Promise<T> {
    return await this.exec<T>(namespace, app, checkCommand(program, JSON.stringify(options)), lasts);
  }

  /** Runs a command that takes `lasts` milliseconds in a pod of the checks, and reads the object that it prints. */
  async exec<T>(namespace: string, app: string, command: readonly string[], lasts: number): Promise<T> {
    const line = await this.inPod(namespace, app, command);
    const timeout = lasts + EXEC_ALLOWANCE;
    const { code, stdout, stderr } = await runCommand(line.argv, {
      environment: line.environment,
      clock: systemClock,
      timeout,
    });
    if (code !== 0)
      throw new Error(`${command.join(' ')} in ${namespace}/${app} ended with ${code ?? 'a signal'}: ${stderr.trim()}`);
    return JSON.parse(stdout.slice(stdout.indexOf('{'))) as T;
  }

  /** What to spawn so that a command runs in a pod of the checks. */
  protected async inPod(namespace: string, app: string, command: readonly string[]): Promise<CommandLine> {
    return this.cluster.commandLine([
      'kubectl',
      '-n',
      namespace,
      'exec',
      await this.pod(namespace, app),
      '--',
      ...command,
    ]);
  }
}

import { defineConfig } from 'vitest/config';
import TestOrder from './scripts/test-order.mjs';

/** Sources instead of compiled files; `execArgv` hands the same choice to worker threads and children that tests start. */
const CONDITION = 'development';

const everywhere = ['packages/*/src/**', 'examples/*/src/**', 'bench/src/**', 'e2e/src/**', 'images/src/**'];
const files = (ending: string): string[] => everywhere.map((folder) => `${folder}/*${ending}`);

const has = (variable: string): boolean => (process.env[variable] ?? '') !== '';
/** What needs the stock ztunnel; the runner says that it did not run. */
const withoutPeer = has('AMBIT_PEER_ZTUNNEL') ? [] : files('.peer.{netns,cluster}.test.ts');
/** What needs the OpenTelemetry collector, likewise. */
const withoutCollector = has('AMBIT_PEER_COLLECTOR') ? [] : files('.collector.netns.test.ts');

export default defineConfig({
  resolve: { conditions: [CONDITION, 'module', 'node'] },
  ssr: { resolve: { conditions: [CONDITION, 'module', 'node'], externalConditions: [CONDITION, 'module', 'node'] } },
  test: {
    pool: 'forks',
    execArgv: [`--conditions=${CONDITION}`],
    maxWorkers: 2,
    sequence: { sequencer: TestOrder },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: files('.test.ts'),
          exclude: files('.{integration,netns,cluster}.test.ts'),
          testTimeout: 10_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: files('.integration.test.ts'),
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'netns',
          include: files('.netns.test.ts'),
          exclude: [...withoutPeer, ...withoutCollector],
          // Each file builds its own topology and measures time: two of them on the same cores would disturb each other.
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'cluster',
          include: files('.cluster.test.ts'),
          // What only a cluster made here can show is out of reach of one that KUBECONFIG names.
          exclude: [...withoutPeer, ...(has('KUBECONFIG') ? files('.own.cluster.test.ts') : [])],
          globalSetup: ['e2e/src/test-setup.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          // A first bring-up compiles Kubernetes.
          hookTimeout: 1_800_000,
        },
      },
    ],
  },
});

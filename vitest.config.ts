import { defineConfig } from 'vitest/config';

/** Sources instead of compiled files; `execArgv` hands the same choice to worker threads and children that tests start. */
const CONDITION = 'development';

const everywhere = ['packages/*/src/**', 'examples/*/src/**', 'bench/src/**'];
const files = (ending: string): string[] => everywhere.map((folder) => `${folder}/*${ending}`);

export default defineConfig({
  resolve: { conditions: [CONDITION, 'module', 'node'] },
  ssr: { resolve: { conditions: [CONDITION, 'module', 'node'], externalConditions: [CONDITION, 'module', 'node'] } },
  test: {
    pool: 'forks',
    execArgv: [`--conditions=${CONDITION}`],
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: files('.test.ts'),
          exclude: files('.{integration,netns}.test.ts'),
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
          // Each file builds its own topology and measures time: two of them on the same cores would disturb each other.
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});

import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { selfTest } from './self-test.ts';

const ALL = ['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_SYS_ADMIN'] as const;

it('finds the privileges of the mesh', () => {
  expect(selfTest({ capabilities: ALL }).major).toBeGreaterThanOrEqual(3);
});

it('names the privileges that are missing and how to get them', () => {
  const script = `import(${JSON.stringify(new URL('./self-test.ts', import.meta.url).href)}).then(({ selfTest }) => selfTest({ capabilities: ${JSON.stringify(ALL)} })).catch((error) => { console.log(error.code, error.message); });`;
  // All capabilities are dropped before the program starts.
  const output = execFileSync(
    'setpriv',
    ['--inh-caps=-all', '--bounding-set=-all', process.execPath, '--conditions=development', '-e', script],
    {
      encoding: 'utf8',
    },
  );
  expect(output).toMatch(
    /^AMBIT_PRIVILEGE CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN missing: add them to securityContext/,
  );
});

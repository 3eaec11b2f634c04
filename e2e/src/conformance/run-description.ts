import type { Cluster } from '../cluster/cluster.ts';

interface Version {
  readonly serverVersion: { readonly gitVersion: string };
}

/** For whoever reads a report: the suite's flags and what they ran on. Paths of this machine are left out. */
export async function describeRun(cluster: Cluster, flags: readonly string[]): Promise<string> {
  const { serverVersion } = JSON.parse(await cluster.kubectl(['version', '-o', 'json'])) as Version;
  const nodes = (await cluster.kubectl(['get', 'nodes', '-o', 'name'])).trim().split('\n').length;
  const shown = flags.map((flag) => flag.replace(/^(--report-output=).*\//, '$1'));
  return [
    `Kubernetes ${serverVersion.gitVersion}, ${nodes} nodes; the chart with its defaults; npm run conformance, which ran`,
    '',
    ['suite', ...shown].join(' \\\n  '),
    '',
  ].join('\n');
}

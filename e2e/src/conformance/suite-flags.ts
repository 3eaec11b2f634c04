import { NAMESPACE_LABELS } from './shared-waypoint.ts';

/** Longest time of a whole run. */
const TIMEOUT = '40m';

/** All features of a mesh: every feature there is but those that belong to Gateways. */
const FEATURES = [
  '--conformance-profiles=MESH-HTTP,MESH-GRPC',
  '--all-features',
  '--exempt-features=Gateway,ReferenceGrant',
  `--namespace-labels=${Object.entries(NAMESPACE_LABELS)
    .map(([name, value]) => `${name}=${value}`)
    .join(',')}`,
];

export interface ReportPlan {
  /** Where it goes. */
  readonly file: string;
  /** Version of Ambit. */
  readonly version: string;
}

/** Flags of the suite's program. `words`: what whoever calls adds. */
export function suiteFlags(words: readonly string[], report: ReportPlan | undefined): string[] {
  return [
    '-test.v',
    '-test.run=^TestConformance$',
    `-test.timeout=${TIMEOUT}`,
    ...FEATURES,
    ...reported(report),
    ...words,
  ];
}

function reported(report: ReportPlan | undefined): string[] {
  if (report === undefined) return [];
  return [
    '--mode=ambient',
    '--organization=ambit-mesh',
    '--project=ambit',
    '--url=https://github.com/ambit-mesh/ambit',
    `--version=v${report.version}`,
    '--contact=@ambit-mesh/maintainers',
    `--report-output=${report.file}`,
  ];
}

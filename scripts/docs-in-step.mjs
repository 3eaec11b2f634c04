/**
 * Holds docs/limits.md, docs/errors.md and docs/metrics.md against the code: what one has and the other lacks, and values
 * that differ, are printed, and the exit code is 1. A documented thing is a table row that begins with its name in
 * backquotes; the heading above the table names the package, where that matters. The tests that docs/istio-acceptance.md
 * names have to be there, and the chart's rules and dashboard use metrics and labels that the code declares.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chartMetricProblems } from './chart-metrics.mjs';
import { namedTestProblems } from './named-tests.mjs';
import { ROOT } from './runtime.mjs';

/** Environment variables, which look like error codes. */
const VARIABLES = [
  'AMBIT_CACHE',
  'AMBIT_CLUSTER',
  'AMBIT_FAULTS',
  'AMBIT_IMAGES',
  'AMBIT_KEEPER',
  'AMBIT_LOG_LEVEL',
  'AMBIT_PEER_ENVOY',
  'AMBIT_PEER_ZTUNNEL',
  'AMBIT_RUN_DIRECTORY',
  'AMBIT_SNAPSHOT_DIR',
];

/** Codes that end in a reason: the type whose members are the reasons. */
const REASONS = {
  AMBIT_ROUTE_: { file: 'packages/mesh/src/route/refusal.ts', type: 'RefusalReason' },
  AMBIT_TLS_: { file: 'packages/native/src/tls-failure.ts', type: 'TlsFailureReason' },
};

/** These name codes that others raise. */
const READERS = ['packages/ztunnel/src/data/failure-cause.ts'];

const source = (file) => readFileSync(join(ROOT, file), 'utf8');
const load = (file) => import(pathToFileURL(join(ROOT, file)).href);
const isTest = (file) => /\.test\.ts$|\/test-[^/]+\.ts$/.test(file);

/** Rows of the tables of a document: cells without backquotes, below the nearest heading of level 2. */
function documented(file) {
  const rows = [];
  let section = '';
  for (const line of source(file).split('\n')) {
    if (line.startsWith('## ')) section = line.slice(3).trim();
    if (!line.startsWith('| `')) continue;
    const cells = line.split('|').slice(1, -1);
    rows.push({ section, cells: cells.map((cell) => cell.trim().replaceAll('`', '')) });
  }
  return rows;
}

function shown(value) {
  if (typeof value === 'object') return `${value.burst}, then ${value.perSecond}/s`;
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** @returns {Promise<Map<string, string>>} what the code has: name to the facts that the document must repeat. */
async function limits() {
  const found = new Map();
  for (const file of globSync('packages/*/src/**/limits.ts', { cwd: ROOT })) {
    const section = file.split('/')[1];
    for (const [name, value] of Object.entries(await load(file))) found.set(`${section} ${name}`, shown(value));
  }
  return found;
}

function codes() {
  const found = new Map();
  for (const file of globSync(
    ['packages/*/src/**/*.ts', 'bench/src/**/*.ts', 'e2e/src/**/*.ts', 'images/src/**/*.ts'],
    { cwd: ROOT },
  )) {
    if (isTest(file) || READERS.includes(file)) continue;
    // In quotes, and all of the text in them: comments and messages only speak of codes.
    for (const [, code = ''] of source(file).matchAll(/['`](AMBIT_[A-Z0-9_]+)(?=['`]|\$\{)/g)) {
      if (VARIABLES.includes(code)) continue;
      if (!code.endsWith('_')) found.set(code, '');
      else if (REASONS[code] === undefined) found.set(`${code}… (no table of reasons in ${import.meta.filename})`, '');
      else for (const reason of reasons(REASONS[code])) found.set(code + reason, '');
    }
  }
  return found;
}

function reasons({ file, type }) {
  const union = new RegExp(`export type ${type} =([^;]+);`).exec(source(file))?.[1] ?? '';
  return [...union.matchAll(/'([a-z0-9-]+)'/g)].map(([, reason = '']) => reason.toUpperCase().replaceAll('-', '_'));
}

/** Of node proxies and waypoints. */
async function proxyFamilies() {
  const { FAMILIES } = await load('packages/telemetry/src/families.ts');
  const { REQUEST_FAMILIES } = await load('packages/telemetry/src/request-families.ts');
  return [...FAMILIES, ...REQUEST_FAMILIES];
}

async function metrics() {
  const { FAMILIES } = await load('packages/telemetry/src/families.ts');
  const { TRAFFIC_LABELS } = await load('packages/telemetry/src/traffic-labels.ts');
  const found = new Map(TRAFFIC_LABELS.map((label) => [`Traffic labels ${label}`, '']));
  for (const { name, type, labels } of FAMILIES) {
    found.set(`ztunnel ${name}`, `${type} ${labels === TRAFFIC_LABELS ? 'traffic labels' : labels.join(', ')}`.trim());
  }
  const { REQUEST_FAMILIES } = await load('packages/telemetry/src/request-families.ts');
  const { MESSAGE_LABELS, REQUEST_LABELS } = await load('packages/telemetry/src/request-labels.ts');
  const { HTTP_FLAGS, HTTP_FLAG_FACTS } = await load('packages/telemetry/src/http-response-flags.ts');
  for (const label of REQUEST_LABELS) found.set(`Request labels ${label}`, '');
  for (const { name, type, labels } of REQUEST_FAMILIES) {
    const shared = new Map([
      [REQUEST_LABELS, 'request labels'],
      [MESSAGE_LABELS, 'message labels'],
    ]);
    found.set(`waypoint ${name}`, `${type} ${shared.get(labels) ?? labels.join(', ')}`.trim());
  }
  for (const flag of HTTP_FLAGS)
    found.set(`Waypoint response flags ${flag}`, String(HTTP_FLAG_FACTS[flag].status ?? ''));
  const { FAMILIES: AGENT_FAMILIES } = await load('packages/cni/src/metric-families.ts');
  for (const { name, type, labels } of AGENT_FAMILIES) found.set(`cni ${name}`, `${type} ${labels.join(', ')}`.trim());
  const counters = /FAMILIES[^=]*= \{([^}]*)\}/.exec(source('packages/istiod-lite/src/serve/counters.ts'))?.[1] ?? '';
  for (const [, name] of counters.matchAll(/^ {2}(\w+):/gm)) found.set(`istiod-lite ${name}`, 'counter');
  for (const [, name] of source('packages/istiod-lite/src/serve/counters.ts').matchAll(/^ {2}(\w+): \{\n {4}help:/gm)) {
    found.set(`istiod-lite ${name}`, 'histogram');
  }
  const controller = globSync('packages/istiod-lite/src/**/*.ts', { cwd: ROOT }).map(source).join('\n');
  for (const [, name] of controller.matchAll(/gauge\(\{\s*name: '(\w+)'/g)) {
    found.set(`istiod-lite ${name}`, 'gauge');
  }
  return found;
}

/**
 * The document's rows in the form of the code's; `facts` are the cells behind the name that must agree.
 * @returns {Map<string, string>}
 */
function written(file, { sections, facts }) {
  const found = new Map();
  for (const { section, cells } of documented(file)) {
    const [name = '', ...rest] = cells;
    found.set(sections ? `${section} ${name}` : name, facts(section, rest));
  }
  return found;
}

const DOCUMENTS = [
  { file: 'docs/limits.md', code: await limits(), sections: true, facts: (_, [value = '']) => value },
  { file: 'docs/errors.md', code: codes(), sections: false, facts: () => '' },
  {
    file: 'docs/metrics.md',
    code: await metrics(),
    sections: true,
    facts: (section, [type = '', labels = '']) =>
      section.endsWith(' labels')
        ? ''
        : ['cni', 'waypoint', 'ztunnel'].includes(section)
          ? `${type} ${labels}`.trim()
          : type,
  },
];

const problems = DOCUMENTS.flatMap(({ file, code, sections, facts }) => {
  const text = written(file, { sections, facts });
  return [
    ...[...code.keys()].filter((name) => !text.has(name)).map((name) => `${file}: ${name} is missing`),
    ...[...text.keys()].filter((name) => !code.has(name)).map((name) => `${file}: ${name} is not in the code`),
    ...[...code]
      .filter(([name, value]) => text.has(name) && text.get(name) !== value)
      .map(([name, value]) => `${file}: ${name} is ${value} in the code, ${text.get(name)} in the document`),
  ];
});
problems.push(...namedTestProblems('docs/istio-acceptance.md'));
problems.push(...chartMetricProblems(await proxyFamilies()));
for (const problem of problems) console.log(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

import { join } from 'node:path';
import type { Clock } from '@ambit/core/clock';
import { NODE_NAMES, type NodeName } from '../bed/address-plan.ts';
import { GATEWAY_NAME_LABEL } from '@ambit/translation/translate/waypoint/deployed-names';
import type { Bed } from '../bed/bed.ts';
import type { BedPod } from '../bed/pod.ts';
import type { ProxyProgram } from '../bed/proxy.ts';
import { type AccessRecord, parseAccessLine, parseRequestLine } from '../start/access-log.ts';
import { parseExposition } from '../start/exposition.ts';
import { LogFollower } from '../start/log-follower.ts';
import type { Bench, BenchController, BenchNode, BenchPod, BenchPodName, BenchWaypoint, LinkWatch } from './bench.ts';
import { benchCertificates } from './certificates.ts';
import { LinkWitness } from './capture/link-witness.ts';
import { eventually } from './check.ts';
import { CHECK_MARKER, SERVER_PORTS } from './clients/options.ts';
import { POD_PLANS, checkManifests, movingNamespace } from './manifests.ts';
import { ROUTE_MANIFEST, SUBSETS_MANIFEST, USUAL_WEIGHTS, weightedRoute, weightedSubsets } from './waypoint/routes.ts';
import { runProgram, runShopProgram, serverEvents, startProgram } from './programs.ts';
import { killAndWait, openDescriptors, proxyOf } from './proxy-process.ts';

const PROXY: ProxyProgram = { kind: 'ambit' };
/** How long a replaced proxy may take to drain, in milliseconds. */
const DRAIN_DEADLINE = 30_000;
/** How long a proxy gets that a check may have broken, in milliseconds. */
const RECOVERY_DEADLINE = 2_000;
/** How long it may take until new pods reach each other, in milliseconds. */
const KNOWN_WITHIN = 10_000;
/** How long a number of requests may take, in milliseconds. */
const REQUESTS_WITHIN = 60_000;
/** How long the pods of a Deployment may take to be replaced, in milliseconds. */
const ROLLED_WITHIN = 60_000;
/** Access records that are kept per node; older ones are forgotten. */
const KEPT_RECORDS = 50_000;

/** Adds the pods of the checks to a bed and gives it to the checks; resolves when all of it is ready. */
export async function bedBench(bed: Bed, directory: string, clock: Clock, full: boolean): Promise<Bench> {
  bed.apply('check', checkManifests());
  bed.apply('moving', movingNamespace(false));
  bed.apply(ROUTE_MANIFEST, weightedRoute(USUAL_WEIGHTS));
  bed.apply(SUBSETS_MANIFEST, weightedSubsets(USUAL_WEIGHTS));
  await bed.settled();
  const nodes = { a: benchNode(bed, 'a', clock), b: benchNode(bed, 'b', clock) };
  const bench: Bench = {
    clock,
    full,
    apply: (name, yaml) => bed.apply(name, yaml),
    remove: (name) => bed.remove(name),
    pod: (name) => benchPod(bed, name, clock),
    node: (name) => nodes[name],
    rolled: (deployment) => rolled(bed, deployment, clock),
    waypoints: (gateway) => benchWaypoints(bed, gateway, clock),
    zoned: (on) => bed.zoned(on),
    ready: (pod) => bed.pods().find(({ name }) => name === pod)?.ready,
    ip: (pod) => {
      const found = bed.pods().find(({ name }) => name === pod);
      if (found === undefined) throw new Error(`there is no pod ${pod}`);
      return found.ip;
    },
    killPods: async (prefix) => {
      const killedAt = clock.wallTime();
      const killed = bed.pods().filter(({ name }) => name.startsWith(prefix));
      const pids = killed.flatMap((pod) => pod.process()?.pid ?? []);
      await Promise.all(pids.map((pid) => killAndWait(pid, clock)));
      return killedAt;
    },
    controller: benchController(bed),
    serviceAddress: (name) => bed.serviceAddress(name),
    watchLink: () => watchLink(bed),
    recover: () => recover(bed),
    certificates: benchCertificates(join(directory, 'istiod-state', 'ca'), clock),
  };
  await known(bench);
  return bench;
}

/** The pods of the former template go as soon as all of the new one are ready. */
async function rolled(bed: Bed, deployment: string, clock: Clock): Promise<void> {
  const pods = (): BedPod[] => bed.pods().filter(({ name }) => name.startsWith(`${deployment}-`));
  const templates = (): number =>
    new Set(pods().map(({ wanted }) => wanted.metadata.labels?.['pod-template-hash'])).size;
  await eventually(clock, ROLLED_WITHIN, `the new pods of ${deployment} begin`, () =>
    Promise.resolve(templates() > 1 ? true : undefined),
  );
  await eventually(clock, ROLLED_WITHIN, `the old pods of ${deployment} are gone`, () =>
    Promise.resolve(templates() === 1 ? true : undefined),
  );
}

/** The proxies learn of new pods a moment after those are ready. */
async function known(bench: Bench): Promise<void> {
  for (const [from, service] of [['client', 'server.check'] as const, ['mover', 'stayer.check-moving'] as const]) {
    await eventually(bench.clock, KNOWN_WITHIN, `${from} reaches ${service}`, async () => {
      const to = { host: bench.serviceAddress(service), port: SERVER_PORTS.greeting };
      const { ending } = await bench.pod(from).dial({ ...to, endAfterAnswer: true, timeout: 2_000 });
      return ending === 'fin' ? true : undefined;
    });
  }
}

/** New proxies, a controller that runs, and no manifests but those of the start. */
async function recover(bed: Bed): Promise<void> {
  if (bed.controller.process?.running !== true) await bed.controller.start();
  for (const name of NODE_NAMES) {
    const { proxy } = bed.node(name);
    await bed.startProxy(name, PROXY);
    await bed.stopProxy(name, proxy, RECOVERY_DEADLINE);
  }
  await bed.settled();
}

function benchPod(bed: Bed, name: BenchPodName, clock: Clock): BenchPod {
  const pod: BedPod = bed.pod(`${POD_PLANS[name].namespace}/${name}`);
  return {
    name: pod.name,
    namespace: pod.namespace,
    ip: pod.ip,
    dial: (options) => runProgram(pod, 'dial', options),
    visit: (visit) => runProgram(pod, 'tunnel', visit),
    load: (options) => startProgram(pod, 'load', options, clock),
    requests: (options) => runProgram(pod, 'requests', { ...options, timeout: REQUESTS_WITHIN }),
    requesting: (options) => startProgram(pod, 'requests', options, clock),
    upload: (options) => runProgram(pod, 'upload', options),
    serveTls: (options) => startProgram(pod, 'tls-server', options, clock),
    serveFailing: (options) => startProgram(pod, 'failing-server', options, clock),
    readSlowly: (options) => startProgram(pod, 'slow-reader', options, clock),
    tell: (address, charges, rounds = 0) => runShopProgram(pod, 'teller', [address, String(charges), String(rounds)]),
    uploads: (since) => serverEvents(pod, since),
    events: (since) => serverEvents(pod, since),
  };
}

function benchNode(bed: Bed, name: NodeName, clock: Clock): BenchNode {
  const node = bed.node(name);
  const records: AccessRecord[] = [];
  const follower = new LogFollower(
    bed.logs,
    (file) => file.startsWith(`ztunnel-${name}-`),
    (line) => {
      const record = parseAccessLine(line);
      if (record !== undefined) records.push(record);
    },
  );
  const keeper = (): number => node.proxy.process?.pid ?? 0;
  return {
    accessLog: (since) => {
      follower.read();
      records.splice(0, records.length - KEPT_RECORDS);
      return records.filter(({ at }) => at >= since);
    },
    metrics: async () => parseExposition(await node.proxy.metrics()),
    admin: (method, path) => node.proxy.admin(path, method),
    descriptors: () => openDescriptors(proxyOf(keeper())),
    proxyPid: () => proxyOf(keeper()),
    killProxy: () => killAndWait(proxyOf(keeper()), clock),
    replaceProxy: async (environment = {}) => {
      const old = node.proxy;
      await bed.startProxy(name, PROXY, environment);
      const toldAt = clock.wallTime();
      await bed.stopProxy(name, old, DRAIN_DEADLINE);
      return toldAt;
    },
  };
}

function benchWaypoints(bed: Bed, gateway: string, clock: Clock): BenchWaypoint[] {
  const pods = bed
    .pods()
    .filter((pod) => `${pod.namespace}/${pod.wanted.metadata.labels?.[GATEWAY_NAME_LABEL] ?? ''}` === gateway);
  return pods
    .toSorted((one, other) => Number(other.ready) - Number(one.ready))
    .map((pod) => ({
      name: pod.name,
      ready: pod.ready,
      kill: () => killAndWait(pod.process()?.pid ?? 0, clock),
      accessLog: (since) =>
        (pod.process()?.output() ?? '')
          .split('\n')
          .flatMap((line) => parseRequestLine(line) ?? [])
          .filter(({ at }) => at >= since),
    }));
}

function benchController({ controller }: Bed): BenchController {
  return {
    kill: () => controller.kill(),
    start: () => controller.start(),
    problems: async () => (JSON.parse(await controller.status('/debug/problems')) as { refused: string[] }).refused,
  };
}

/** Judges the link with the pods that are in the mesh now. */
function watchLink(bed: Bed): LinkWatch {
  const meshed = bed.pods().filter((pod) => pod.enrolment.captured);
  const witness = new LinkWitness(
    meshed.map((pod) => pod.ip),
    CHECK_MARKER,
  );
  const tap = bed.tap((frame) => {
    witness.frame(frame);
  });
  return {
    stop: async () => {
      await tap.stop();
      return witness.report();
    },
  };
}

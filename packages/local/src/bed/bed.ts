import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { IpAddress } from '@ambit/core/address';
import type { Timer } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { AmbitError } from '@ambit/core/errors';
import type { Model } from '@ambit/translation/model';
import { objectName, type Pod } from '@ambit/translation/objects';
import { CLUSTER_DNS_IP, FABRIC_IP, NODE_NAMES, type NodeName } from './address-plan.ts';
import type { BedOptions } from './bed-options.ts';
import { ClusterDns } from './cluster-dns.ts';
import { ClusterZone } from './cluster-zone.ts';
import { Controller } from './controller.ts';
import { type Fabric, layFabric, LINK } from './fabric.ts';
import type { Images } from './images.ts';
import { Kubelet } from './kubelet.ts';
import { CLOSE_GRACE_MS } from './limits.ts';
import { LinkTap } from './link-tap.ts';
import { ManifestFolders, ManifestStore } from './manifests.ts';
import { BedNode } from './node.ts';
import { Observation } from './observation.ts';
import { BedPod } from './pod.ts';
import { podFiles } from './pod-files.ts';
import { MACHINE_IMAGE, type PodPlan, podObject } from './pod-plan.ts';
import { meshImages } from './programs.ts';
import { Proxy, type ProxyProgram } from './proxy.ts';
import { RuleRepair } from './rule-repair.ts';
import { type PlacedService, ServiceTable } from './service-table.ts';
import { TokenIssuer } from './tokens.ts';
import { Waypoints } from './waypoints.ts';

/** Milliseconds in which changes of endpoints are gathered before the rules of the nodes are written. */
const SERVICE_DELAY_MS = 10;

/**
 * Two nodes, the pods on them, and a mesh between: everything a cluster would do for it on one machine. Must run inside a
 * tree of user, network, mount and process namespaces, whose end takes away whatever is left.
 */
export async function createBed(options: BedOptions): Promise<Bed> {
  if (readFileSync('/proc/self/uid_map', 'latin1').trim().endsWith('4294967295')) {
    throw new AmbitError(
      'AMBIT_BED_TREE',
      'the bed must run in a user namespace of its own, or it would change the network of this machine',
      { source: 'configuration' },
    );
  }
  const fabric = layFabric();
  // What has to be taken down when a later step fails, the last one first.
  const undo: (() => unknown)[] = [() => fabric.close()];
  try {
    const nodes = await Promise.all(
      NODE_NAMES.map(async (name) => {
        const node = await BedNode.create({
          name,
          namespace: fabric.nodes[name],
          directory: join(options.directory, `node-${name}`),
          clock: options.clock,
          run: (plan) => bed.run(name, plan),
          report: (error) => options.report?.(error),
        });
        undo.unshift(() => node.close());
        return node;
      }),
    );
    const zone = new ClusterZone('cluster.local', new Map([['istiod.istio-system.svc.cluster.local', FABRIC_IP]]));
    const dns = await ClusterDns.listen(zone, fabric.namespace, { ip: CLUSTER_DNS_IP, port: 53 });
    undo.unshift(() => dns.close());
    const bed: Bed = new Bed(options, fabric, nodes, zone, dns);
    undo.splice(0, undo.length, () => bed.close({ deadline: 0 }));
    await bed.begin();
    return bed;
  } catch (error) {
    for (const step of undo) await step();
    throw error;
  }
}

export class Bed implements Drainable {
  /** What the controller reads, besides `BedOptions.manifests`. */
  readonly config: ManifestStore;
  /** Folder with a log file per process. */
  readonly logs: string;
  readonly fabric: Fabric;
  readonly controller: Controller;
  readonly #options: BedOptions;
  readonly #nodes: readonly BedNode[];
  readonly #zone: ClusterZone;
  readonly #dns: ClusterDns;
  readonly #kubelet: Kubelet;
  readonly #services: ServiceTable;
  readonly #observation: Observation;
  readonly #manifests: ManifestFolders;
  readonly #issuer: TokenIssuer;
  readonly #images: Images;
  readonly #waypoints: Waypoints;
  readonly #repair: RuleRepair;
  #placed: readonly PlacedService[] = [];
  #model: Model;
  #servicesDue: Timer | undefined;
  #closing: Promise<void> | undefined;

  /** Use `createBed`. */
  constructor(options: BedOptions, fabric: Fabric, nodes: readonly BedNode[], zone: ClusterZone, dns: ClusterDns) {
    const { directory, clock } = options;
    this.#options = options;
    this.fabric = fabric;
    this.#nodes = nodes;
    this.#zone = zone;
    this.#dns = dns;
    this.config = new ManifestStore(join(directory, 'config'));
    this.#waypoints = new Waypoints(this.config);
    this.logs = join(directory, 'logs');
    mkdirSync(this.logs, { recursive: true });
    const folders = [this.config.folder, ...(options.manifests ?? [])];
    this.#issuer = new TokenIssuer(clock);
    this.#images = new Map([
      ...meshImages(options.proxyEnvironment ?? {}),
      ...Object.entries(options.images ?? {}),
      [MACHINE_IMAGE, { directory: '/' }],
    ]);
    this.controller = new Controller({
      ...{
        namespace: fabric.namespace,
        directory,
        logs: this.logs,
        configDirectories: folders,
        issuer: this.#issuer,
        clock,
      },
      ...(options.controllerEnvironment && { environment: options.controllerEnvironment }),
    });
    this.#services = new ServiceTable(nodes.map((node) => node.namespace));
    this.#kubelet = new Kubelet({
      create: (wanted, node, ip) => this.#createPod(wanted, this.node(node), ip),
      report: (error) => options.report?.(error),
      onChange: () => this.#changed(),
    });
    this.#observation = new Observation(this.config.folder, () => ({
      pods: this.#podObjects(),
      services: this.#placed,
    }));
    this.#manifests = new ManifestFolders(folders, clock, () => this.#reconcile());
    this.#model = this.#manifests.model().model;
    this.#repair = new RuleRepair({
      clock,
      nodes,
      pods: () => this.pods(),
      report: (error) => options.report?.(error),
    });
  }

  /** Starts controller, proxies and pods. Called by `createBed`. */
  async begin(): Promise<void> {
    const { proxies = {} } = this.#options;
    const wanted = this.#nodes.flatMap((node) => {
      const program = proxies[node.name];
      return program === undefined ? [] : [this.#newProxy(node, program)];
    });
    this.#updateServices();
    // The controller believes a proxy only when it knows its pod.
    this.#observation.write();
    if (wanted.length > 0) {
      await this.controller.start();
      await Promise.all(wanted.map((proxy) => proxy.start()));
    }
    this.#reconcile();
    this.#repair.begin();
  }

  node(name: NodeName): BedNode {
    const found = this.#nodes.find((node) => node.name === name);
    if (found === undefined) throw new AmbitError('AMBIT_BED_NODE', `there is no node ${name}`);
    return found;
  }

  /** A pod by `namespace/name`. Throws `AMBIT_BED_NO_POD`. */
  pod(key: string): BedPod {
    const found = this.#kubelet.pods.get(key);
    if (found !== undefined) return found;
    throw new AmbitError(
      'AMBIT_BED_NO_POD',
      `there is no pod ${key}; there are ${[...this.#kubelet.pods.keys()].join(', ')}`,
    );
  }

  pods(): BedPod[] {
    return [...this.#kubelet.pods.values()];
  }

  /** As `node(name).pod(plan)`. */
  async run(node: NodeName, plan: PodPlan): Promise<BedPod> {
    const wanted = podObject(plan);
    const key = objectName(wanted.metadata);
    this.#kubelet.planned.set(key, { wanted, node, ip: plan.ip });
    this.#reconcile();
    const pod = this.pod(key);
    await pod.whenReady();
    return pod;
  }

  /** Gives a pod that `run` started other labels; what runs in it goes on. */
  relabel(pod: BedPod, labels: Readonly<Record<string, string>>): void {
    const planned = this.#kubelet.planned.get(pod.key);
    if (planned === undefined)
      throw new AmbitError('AMBIT_BED_NO_POD', `pod ${pod.key} stands in a manifest: change that`);
    const wanted = { ...planned.wanted, metadata: { ...planned.wanted.metadata, labels } };
    this.#kubelet.planned.set(pod.key, { ...planned, wanted });
    this.#reconcile();
  }

  /** Deletes a pod that `run` started. Resolves when it is gone. */
  async delete(pod: BedPod, grace?: number): Promise<void> {
    this.#kubelet.planned.delete(pod.key);
    await pod.remove(grace);
    this.#kubelet.pods.delete(pod.key);
    this.#changed();
  }

  /** Puts a manifest into force, or replaces it. Proxies know of it soon, not at once. */
  apply(name: string, yaml: string): void {
    this.config.put(name, yaml);
    this.#manifests.refresh();
  }

  /** Takes a manifest away; nothing happens when there is none of that name. */
  remove(name: string): void {
    this.config.remove(name);
    this.#manifests.refresh();
  }

  /** Whether each node is a zone of its own, `zone-a` and `zone-b` of one region; at first they are none. */
  zoned(on: boolean): void {
    this.#observation.zoned = on;
  }

  /** What is wrong in the manifests, one line each, as the bed sees it (the controller says its own). */
  problems(): string[] {
    return this.#manifests.problems();
  }

  /** Resolves when every pod is started or deleted, enrolled or left alone, and ready, and Services know of it. */
  async settled(): Promise<void> {
    await this.#kubelet.settled();
    this.#updateServices();
    this.#observation.write();
  }

  /** Looks whether the rules are as written, and mends and reports what is not. Happens by itself every ten seconds. */
  repairRules(): void {
    this.#repair.repair();
  }

  /** Address of a Service `name.namespace`. Throws `AMBIT_BED_NO_SERVICE`. */
  serviceAddress(name: string): IpAddress {
    const found = this.#placed.find(({ object }) => `${object.metadata.name}.${object.metadata.namespace}` === name);
    if (found?.ip !== undefined) return found.ip;
    throw new AmbitError('AMBIT_BED_NO_SERVICE', `there is no Service ${name} with an address`);
  }

  /** Listens on the link between the nodes; every frame is seen once, whichever way it goes. */
  tap(onFrame: (frame: Buffer) => void): LinkTap {
    return new LinkTap(this.fabric.nodes.a, LINK, onFrame);
  }

  /** Starts a proxy on a node, beside one that is there already. Resolves when it is ready. */
  async startProxy(
    name: NodeName,
    program: ProxyProgram,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Proxy> {
    const proxy = this.#newProxy(this.node(name), program, environment);
    this.#observation.write();
    await proxy.start();
    return proxy;
  }

  /** Ends a proxy and resolves when it has drained, at most after `grace` milliseconds. */
  async stopProxy(name: NodeName, proxy: Proxy, grace: number): Promise<void> {
    await proxy.stop(grace);
    const { proxies } = this.node(name);
    const place = proxies.indexOf(proxy);
    if (place >= 0) proxies.splice(place, 1);
    this.#changed();
  }

  /** Deletes all pods, ends proxies and controller, in that order. Idempotent. */
  close(options: { deadline?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.deadline ?? CLOSE_GRACE_MS);
    return this.#closing;
  }

  destroy(): void {
    void this.close({ deadline: 0 });
  }

  async #close(grace: number): Promise<void> {
    this.#manifests.close();
    this.#repair.close();
    await this.#kubelet.close(grace);
    await Promise.all(this.#nodes.flatMap((node) => node.proxies.map((proxy) => proxy.stop(grace))));
    await this.controller.stop();
    await Promise.all(this.#nodes.map((node) => node.close()));
    this.#servicesDue?.cancel();
    this.#observation.close();
    this.#dns.close();
    this.fabric.close();
  }

  #newProxy(node: BedNode, program: ProxyProgram, environment: Readonly<Record<string, string>> = {}): Proxy {
    const name = `ztunnel-${node.name}-${this.#newUid().slice(0, 5)}`;
    const proxy = new Proxy({
      ...{ program, name, uid: this.#newUid(), node: node.name, link: node.link(name), zdsSocket: node.zdsSocket },
      ...{ rootCertificates: this.controller.rootCertificates, directory: node.directory, logs: this.logs },
      ...{ files: podFiles(this.#options.directory, 'istio-system'), issuer: this.#issuer, clock: this.#options.clock },
      environment: { ...this.#options.proxyEnvironment, ...environment },
      onRestart: ({ code, signal }) =>
        this.#options.report?.(
          new AmbitError('AMBIT_BED_PROXY', `${name} ended (${signal ?? code ?? 'not started'}) and was started again`),
        ),
    });
    node.proxies.push(proxy);
    return proxy;
  }

  #createPod(wanted: Pod, node: BedNode, ip: IpAddress | undefined): BedPod {
    const link = node.link(objectName(wanted.metadata), ip);
    return new BedPod(wanted, this.#newUid(), link, {
      ...{
        node,
        agent: node.agent,
        probes: node.probes,
        images: this.#images,
        volumes: {
          directory: join(node.directory, 'volumes'),
          issuer: this.#issuer,
          roots: dirname(this.controller.rootCertificates),
          clock: this.#options.clock,
        },
        logs: this.logs,
        clock: this.#options.clock,
      },
      files: podFiles(this.#options.directory, wanted.metadata.namespace),
      onChange: () => this.#changed(),
      report: (error) => this.#options.report?.(error),
    });
  }

  #reconcile(): void {
    this.#model = this.#manifests.model().model;
    // What is deployed for waypoints is read with the rest, which brings this here again.
    if (this.#waypoints.update(this.#model.gateways.values())) {
      this.#manifests.refresh();
      return;
    }
    this.#kubelet.reconcile(this.#model);
    this.#changed();
  }

  /** A pod became ready or stopped being so, came, went, or moved in or out of the mesh. */
  #changed(): void {
    this.#observation.changed();
    this.#servicesDue ??= this.#options.clock.setTimeout(
      () => {
        this.#servicesDue = undefined;
        if (this.#closing !== undefined) return;
        // A pod of a new template that became ready may release one of the old.
        this.#kubelet.reconcile(this.#model);
        this.#updateServices();
      },
      SERVICE_DELAY_MS,
      { background: true },
    );
  }

  #updateServices(): void {
    const pods = this.pods().map((pod) => ({ object: pod.object, ip: pod.ip, ready: pod.ready }));
    this.#placed = this.#services.update(this.#model.services.values(), pods);
    this.#zone.update(this.#placed);
    this.#observation.changed();
  }

  #podObjects(): Pod[] {
    const proxies = this.#nodes.flatMap((node) => node.proxies.map((proxy) => proxy.object));
    return [...proxies, ...this.pods().map((pod) => pod.object)];
  }

  #newUid(): string {
    return (this.#options.newUid ?? randomUUID)();
  }
}

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { systemClock } from '@ambit/core/clock';
import { type Bed, createBed } from '../bed/bed.ts';
import { dialInside } from '../bed/dial.ts';
import type { BedPod } from '../bed/pod.ts';
import { requestInside } from '../bed/request-inside.ts';
import { eventually } from '../bed/test-bed.ts';
import { parseExposition, type Sample } from '../start/exposition.ts';
import { copyShopManifests, SHOP_IMAGES } from '../start/shop.ts';

const VISIT_MS = 10_000;
const ADMIN_PORT = 15000;
const METRICS_PORT = 15020;
const HTTP_PORT = 8080;

/** The Services of the shop that speak HTTP, with a path that each answers without asking others. */
const PATHS = { storefront: '/nothing', catalog: '/items', payments: '/fee' } as const;

/** One line of the access log of requests. */
export interface LoggedRequest {
  readonly trace_id?: string;
  readonly request_id: string;
  readonly authority: string;
  readonly path: string;
  readonly response_code: number;
  readonly response_flags: string;
  readonly duration: number;
  readonly start_time: string;
  readonly bytes_sent: number;
  readonly upstream_host: string;
}

/** The sample shop without those who visit it by themselves, every Service of it behind its waypoint, and a visitor. */
export class TestShop {
  readonly bed: Bed;
  readonly close: () => Promise<void>;
  readonly #visitor: BedPod;

  private constructor(bed: Bed, visitor: BedPod, close: () => Promise<void>) {
    this.bed = bed;
    this.#visitor = visitor;
    this.close = close;
  }

  static async open(): Promise<TestShop> {
    const directory = mkdtempSync(join(tmpdir(), 'shop-'));
    const manifests = join(directory, 'manifests');
    copyShopManifests(manifests);
    for (const name of ['shopper.yaml', 'outsider.yaml']) rmSync(join(manifests, name));
    const namespaces = join(manifests, 'namespaces.yaml');
    const mode = 'istio.io/dataplane-mode: ambient';
    const bound = readFileSync(namespaces, 'utf8').replace(mode, `${mode}\n    istio.io/use-waypoint: waypoint`);
    writeFileSync(namespaces, bound);
    const bed = await createBed({
      ...{ directory, manifests: [manifests], clock: systemClock, images: SHOP_IMAGES },
      proxies: { a: { kind: 'ambit' }, b: { kind: 'ambit' } },
      proxyEnvironment: { LOG_FORMAT: 'json' },
    });
    const close = async (): Promise<void> => {
      await bed.close({ deadline: 1_000 });
      rmSync(directory, { recursive: true });
    };
    try {
      const visitor = await bed.node('a').pod({ name: 'visitor', namespace: 'shop' });
      const shop = new TestShop(bed, visitor, close);
      await bed.settled();
      for (const [name, path] of Object.entries(PATHS)) {
        await eventually(`requests to ${name} pass by the waypoint`, () => shop.#byWaypoint(name, path), 30_000);
      }
      return shop;
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** Asks the storefront for a page, which makes it ask all others. */
  async visit(headers: Readonly<Record<string, string>> = {}): Promise<{ status: number; body: string }> {
    const { status, body } = await this.#get('storefront', '/', headers);
    return { status, body };
  }

  /** The pods of the waypoint. */
  waypoints(): BedPod[] {
    return this.bed.pods().filter(({ key, deleting }) => !deleting && key.startsWith('shop/waypoint-'));
  }

  /** The lines of requests that the waypoints have logged, in no order. */
  logged(): LoggedRequest[] {
    return this.waypoints().flatMap((pod) =>
      (pod.process()?.output() ?? '').split('\n').flatMap((line): LoggedRequest[] => {
        if (!line.startsWith('{"start_time"')) return [];
        return [JSON.parse(line) as LoggedRequest];
      }),
    );
  }

  /** What a waypoint's admin port answers. */
  admin(pod: BedPod, path: string): Promise<string> {
    return requestInside(pod.networkNamespace, { ip: '127.0.0.1', port: ADMIN_PORT }, path);
  }

  /** The samples of all waypoints. */
  async metrics(): Promise<Sample[]> {
    const scrapes = this.waypoints().map((pod) =>
      requestInside(pod.networkNamespace, { ip: pod.ip, port: METRICS_PORT }, '/stats/prometheus'),
    );
    return (await Promise.all(scrapes)).flatMap(parseExposition);
  }

  async #byWaypoint(name: string, path: string): Promise<boolean> {
    try {
      return (await this.#get(name, path, {})).byWaypoint;
    } catch {
      return false;
    }
  }

  async #get(
    name: string,
    path: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<{ status: number; body: string; byWaypoint: boolean }> {
    const address = { ip: this.bed.serviceAddress(`${name}.shop`), port: HTTP_PORT };
    const call = request({
      path,
      headers: { host: name, connection: 'close', ...headers },
      signal: AbortSignal.timeout(VISIT_MS),
      createConnection: () => dialInside(this.#visitor.networkNamespace, address),
    });
    call.end();
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    const body = await text(response);
    const byWaypoint = response.headers['x-envoy-upstream-service-time'] !== undefined;
    return { status: response.statusCode ?? 0, body, byWaypoint };
  }
}

/** Ids of a trace and of the span that the visitor says it has. */
export function newTrace(): { readonly traceId: string; readonly spanId: string } {
  return { traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') };
}

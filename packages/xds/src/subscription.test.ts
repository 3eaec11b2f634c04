import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { DeltaDiscoveryRequestSchema } from '@ambit/proto/discovery';
import { ResourceCache } from './resource-cache.ts';
import { Subscription } from './subscription.ts';

const TYPE = 'type.googleapis.com/t';
type Request = MessageInitShape<typeof DeltaDiscoveryRequestSchema>;

/** A cache, and one subscription to it that hears of every change. */
class Scene {
  readonly cache = new ResourceCache([TYPE]);
  #subscription: Subscription | undefined;

  put(...resources: string[]): void {
    const upserts = resources.map((text) => {
      const [name = '', content = '', alias] = text.split('=');
      return { name, bytes: Buffer.from(content), aliases: alias === undefined ? [] : [alias] };
    });
    this.cache.update([{ typeUrl: TYPE, upserts, removals: [] }]);
  }

  remove(...removals: string[]): void {
    this.cache.update([{ typeUrl: TYPE, upserts: [], removals }]);
  }

  subscribe(request: Request): Subscription {
    const subscription = new Subscription(
      create(DeltaDiscoveryRequestSchema, { ...request, typeUrl: TYPE }),
      this.cache,
    );
    this.cache.subscribe((changed) => subscription.note(changed.get(TYPE) ?? new Set()));
    this.#subscription = subscription;
    return subscription;
  }

  change(request: Request): void {
    this.#subscription?.change(create(DeltaDiscoveryRequestSchema, { ...request, typeUrl: TYPE }));
  }

  /** What would be sent, as `name` and `-name`. */
  take(maxBytes = 1_000): string[] {
    const delivery = this.#subscription?.take({ upserts: true, removals: true, maxBytes });
    return [
      ...(delivery?.resources ?? []).map(({ name }) => name),
      ...(delivery?.removed ?? []).map((name) => `-${name}`),
    ];
  }

  version(name: string): string {
    return this.cache.get(TYPE, name)?.version ?? '';
  }
}

describe('Subscription', () => {
  it.each<[string, Request]>([
    ['no names', {}],
    ['an asterisk', { resourceNamesSubscribe: ['*'] }],
  ])('sends everything for %s, then only changes', (_, request) => {
    const scene = new Scene();
    scene.put('a=1', 'b=1');
    const subscription = scene.subscribe(request);
    expect(scene.take()).toEqual(['a', 'b']);
    expect(subscription.unsent).toBe(false);
    scene.put('a=1', 'b=2', 'c=1');
    scene.remove('a');
    expect(scene.take()).toEqual(['b', 'c', '-a']);
    expect(scene.take()).toEqual([]);
  });

  it('owes an answer even when there is nothing', () => {
    expect(new Scene().subscribe({}).unsent).toBe(true);
  });

  it('sends only the differences to what the client holds, removals included', () => {
    const scene = new Scene();
    scene.put('same=1', 'changed=1', 'new=1');
    const held = { same: scene.version('same'), changed: 'old', gone: 'x' };
    const subscription = scene.subscribe({ initialResourceVersions: held });
    expect(subscription.unsent).toBe(true);
    expect(scene.take()).toEqual(['changed', 'new', '-gone']);
  });

  it('sends the newest content once however often it changed while the client was slow', () => {
    const scene = new Scene();
    const subscription = scene.subscribe({});
    scene.put('a=1');
    scene.put('a=2');
    scene.put('b=1');
    scene.remove('b');
    const delivery = subscription.take({ upserts: true, removals: true, maxBytes: 1_000 });
    expect(delivery.resources).toEqual([scene.cache.get(TYPE, 'a')]);
    expect(delivery.removed).toEqual(['b']);
  });

  it('does not send twice what it heard of twice', () => {
    const scene = new Scene();
    const subscription = scene.subscribe({});
    scene.put('a=1');
    scene.take();
    subscription.note(new Set(['a']));
    expect(scene.take()).toEqual([]);
  });

  it('keeps what exceeds a response for the next one', () => {
    const scene = new Scene();
    scene.put('a=1', 'b=1', 'c=1');
    const subscription = scene.subscribe({});
    expect(scene.take(1)).toEqual(['a']);
    expect(subscription.unsent).toBe(true);
    expect(scene.take(1)).toEqual(['b']);
    expect(scene.take()).toEqual(['c']);
    expect(subscription.unsent).toBe(false);
  });

  it('sends by name only what was asked for, and says what there is not', () => {
    const scene = new Scene();
    scene.put('a=1', 'b=1');
    scene.subscribe({ resourceNamesSubscribe: ['a', 'x'] });
    expect(scene.take()).toEqual(['a', '-x']);
    scene.put('b=2');
    expect(scene.take()).toEqual([]);
    scene.put('x=1');
    expect(scene.take()).toEqual(['x']);
    scene.remove('a');
    expect(scene.take()).toEqual(['-a']);
  });

  it('follows a resource asked for by alias, to its end', () => {
    const scene = new Scene();
    scene.put('pod=1=net/10.0.0.1', 'other=1=net/10.0.0.2');
    scene.subscribe({ resourceNamesSubscribe: ['net/10.0.0.1'] });
    expect(scene.take()).toEqual(['pod']);
    scene.put('pod=2=net/10.0.0.1', 'other=2=net/10.0.0.2');
    expect(scene.take()).toEqual(['pod']);
    scene.remove('pod', 'other');
    expect(scene.take()).toEqual(['-pod']);
  });

  it('answers a name that is asked for again, and stops at unsubscribing', () => {
    const scene = new Scene();
    scene.put('a=1', 'b=1');
    scene.subscribe({ resourceNamesSubscribe: ['a'] });
    scene.take();
    scene.change({ resourceNamesSubscribe: ['a', 'b'] });
    expect(scene.take()).toEqual(['a', 'b']);
    scene.change({ resourceNamesUnsubscribe: ['a'] });
    scene.put('a=2', 'b=2');
    expect(scene.take()).toEqual(['b']);
  });

  it('wants nothing at first when the asterisk is subscribed and unsubscribed at once, as on-demand clients do', () => {
    const scene = new Scene();
    scene.put('a=1');
    scene.subscribe({ resourceNamesSubscribe: ['*'], resourceNamesUnsubscribe: ['*'] });
    expect(scene.take()).toEqual([]);
    scene.put('a=2');
    expect(scene.take()).toEqual([]);
    scene.change({ resourceNamesSubscribe: ['a'] });
    expect(scene.take()).toEqual(['a']);
  });

  it('takes a held name called __proto__ or constructor for a name', () => {
    const scene = new Scene();
    scene.put('constructor=1');
    scene.subscribe({ initialResourceVersions: Object.fromEntries([['toString', 'v']]) });
    expect(scene.take()).toEqual(['constructor', '-toString']);
  });

  it('refuses more names than one client may have', () => {
    const resourceNamesSubscribe = Array.from({ length: 100_001 }, (_, index) => String(index));
    expect(() => new Scene().subscribe({ resourceNamesSubscribe })).toThrow(/more than 100000 names/);
  });
});

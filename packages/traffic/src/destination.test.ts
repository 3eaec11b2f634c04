import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CompiledDestinations, compileService } from './compiled-service.ts';
import { drawDestination } from './destination.ts';
import { cartService, compiledPort, portWith, read, seededRandom, V1, V2 } from './test-service.ts';

function compiled(destinations: { cluster: string; weight: number }[]): CompiledDestinations {
  return compiledPort({ tcpDestinations: destinations }).everybody.tcpDestinations;
}

function drawn(destinations: CompiledDestinations, random: () => number): string {
  const result = drawDestination(destinations, random);
  return result === undefined ? 'no-destination' : (result.cluster?.name ?? 'invalid-backend');
}

describe('a destination', () => {
  it('is drawn by weight, the share of a backend that is not there included', () => {
    const destinations = compiled([
      { cluster: V1, weight: 90 },
      { cluster: '', weight: 4 },
      { cluster: V2, weight: 6 },
    ]);
    const random = seededRandom(1);
    const counts: Record<string, number> = {};
    for (let draw = 0; draw < 10_000; draw++) {
      const name = drawn(destinations, random);
      counts[name] = (counts[name] ?? 0) + 1;
    }
    expect(Math.abs((counts[V1] ?? 0) - 9_000)).toBeLessThan(100);
    expect(Math.abs((counts[V2] ?? 0) - 600)).toBeLessThan(80);
    expect(Math.abs((counts['invalid-backend'] ?? 0) - 400)).toBeLessThan(80);
  });

  it('is none when there are none or all weigh nothing', () => {
    expect(drawn(compiled([]), () => 0)).toBe('no-destination');
    expect(drawn(compiled([{ cluster: V1, weight: 0 }]), () => 0)).toBe('no-destination');
  });

  it('that weighs nothing is never drawn, a missing backend neither', () => {
    const destinations = compiled([
      { cluster: '', weight: 0 },
      { cluster: V1, weight: 1 },
      { cluster: '', weight: 0 },
    ]);
    expect(drawn(destinations, () => 0)).toBe(V1);
    expect(drawn(destinations, () => 1 - 2 ** -53)).toBe(V1);
  });

  it('ends where the next begins', () => {
    const destinations = compiled([
      { cluster: V1, weight: 1 },
      { cluster: V2, weight: 1 },
    ]);
    expect(drawn(destinations, () => 0.5 - 2 ** -53)).toBe(V1);
    expect(drawn(destinations, () => 0.5)).toBe(V2);
  });

  it('that stands alone is drawn without chance', () => {
    const never = (): number => {
      throw new Error('drawn');
    };
    expect(drawn(compiled([{ cluster: V2, weight: 5 }]), never)).toBe(V2);
  });

  it('is the one under whose share the position falls', () => {
    const list = fc.array(fc.record({ cluster: fc.constantFrom(V1, V2, ''), weight: fc.nat(5) }), { maxLength: 6 });
    fc.assert(
      fc.property(list, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (destinations, position) => {
        const tickets = destinations.flatMap(({ cluster, weight }) => Array<string>(weight).fill(cluster));
        const ticket = tickets[Math.floor(position * tickets.length)];
        const expected = ticket === undefined ? 'no-destination' : ticket || 'invalid-backend';
        expect(drawn(compiled(destinations), () => position)).toBe(expected);
      }),
    );
  });
});

describe('a compiled service', () => {
  it('has for each destination the mirrors of both, without those that nothing can be sent to', () => {
    const own = { cluster: V1, weight: 1, mirrors: [{ cluster: V2, perMillion: 5 }] };
    const mirrors = [
      { cluster: V1, perMillion: 7 },
      { cluster: '', perMillion: 7 },
      { cluster: V2, perMillion: 0 },
    ];
    const value = { destinations: [own, { cluster: V2, weight: 1 }], mirrors };
    const action = portWith([{ name: 'r', action: { case: 'forward', value } }]).routes[0]?.action;
    const compiled = action?.kind === 'forward' ? action.destinations.all : [];
    expect(compiled.map((one) => one.mirrors.map(({ cluster, perMillion }) => [cluster.name, perMillion]))).toEqual([
      [
        [V1, 7],
        [V2, 5],
      ],
      [[V1, 7]],
    ]);
  });

  it('has ports by number and clusters by name, with their subsets', () => {
    const { ports, clusters } = compileService(read(cartService()));
    expect([...ports.keys()]).toEqual([80]);
    expect(clusters.get(V2)?.subsetUids).toEqual(new Set(['cluster//Pod/shop/v2-a', 'cluster//Pod/shop/v2-b']));
  });

  it('can be made from the model as it comes through JSON', () => {
    const model = read(cartService());
    expect(compileService(JSON.parse(JSON.stringify(model)) as typeof model)).toEqual(compileService(model));
  });

  it('does not take a subset without workloads for the whole service', () => {
    const [cluster] = cartService().clusters ?? [];
    const service = cartService({ clusters: [{ ...cluster, subsetWorkloadUids: [] }] });
    expect(compileService(read(service)).clusters.get(V1)?.subsetUids).toEqual(new Set());
  });

  it('cannot be made of a route that leads nowhere', () => {
    const model = read(cartService());
    expect(() => compileService({ ...model, clusters: [] })).toThrow(V1);
  });
});

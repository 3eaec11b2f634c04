import { expect, it } from 'vitest';
import { parseBenchArguments } from './arguments.ts';

it('takes the peer of the benchmark that is named, from its option or its variable', () => {
  const environment = { AMBIT_PEER_ZTUNNEL: '/z', AMBIT_PEER_ENVOY: '/e' };
  expect(parseBenchArguments(['l4'], environment)).toMatchObject({ peer: '/z', subjects: ['direct', 'ambit', 'peer'] });
  expect(parseBenchArguments(['l7'], environment)).toMatchObject({
    peer: '/e',
    subjects: ['direct', 'ambit', 'envoy'],
  });
  expect(parseBenchArguments(['l7', '--envoy', '/own'], environment)).toMatchObject({ peer: '/own' });
  expect(parseBenchArguments(['l7', '--features', 'routes'], {})).toMatchObject({ features: 'routes' });
  expect(parseBenchArguments(['l7'], { AMBIT_PEER_ENVOY: '' })).toMatchObject({
    peer: undefined,
    subjects: ['direct', 'ambit'],
  });
});

it('refuses what would measure something else than was meant', () => {
  const refusal = (...argv: string[]): (() => unknown) => {
    return () => parseBenchArguments(argv, {});
  };
  expect(refusal()).toThrow('name one benchmark: l4 or l7');
  expect(refusal('l5')).toThrow('name one benchmark: l4 or l7');
  expect(refusal('l7', '--peer', '/z')).toThrow('--peer is no option of l7');
  expect(refusal('l4', '--envoy', '/e')).toThrow('--envoy is no option of l4');
  expect(refusal('l7', '--subjects', 'direct,http2-relay')).toThrow('unknown subject http2-relay');
  expect(refusal('l7', '--subjects', 'direct,envoy')).toThrow('the subject envoy needs --envoy PATH');
  expect(refusal('l4', '--features', 'all')).toThrow('--features is no option of l4');
  expect(refusal('l7', '--features', 'none')).toThrow('--features none: must be all or routes');
  expect(refusal('l7', '--measure', '0')).toThrow('--measure 0: must be a whole number from 1');
  expect(refusal('l7', '--forever')).toThrow(/--forever/);
});
